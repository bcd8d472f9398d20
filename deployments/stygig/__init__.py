"""The `stygig` command: a thin door to each flow."""
