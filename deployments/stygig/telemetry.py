"""What keeps libraries from telling their makers about us; for this process and those that it starts."""

import os

OFF = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}


def turn_telemetry_off() -> None:
    """Before any of them is imported. Who has set one of these otherwise means it."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
