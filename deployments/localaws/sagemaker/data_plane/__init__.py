"""The data plane: invocations, answered at once or queued."""
