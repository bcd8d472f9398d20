"""The `stygig` command: a thin front for each flow."""
