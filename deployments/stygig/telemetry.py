"""Variables that keep libraries from reporting to their makers, for this process and those that it starts."""

import os

OFF = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}


def turn_telemetry_off() -> None:
    """Set the variables that the user hasn't set; to be called before any of the libraries is imported."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
