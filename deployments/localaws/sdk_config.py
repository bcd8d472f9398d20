"""The configuration file that keeps the SageMaker SDK on loopback."""

from __future__ import annotations

from pathlib import Path

from localaws.services.moto_services import ACCOUNT

# https://sagemaker.readthedocs.io/en/stable/overview.html#configuring-and-using-defaults-with-the-sagemaker-python-sdk
VARIABLE = "SAGEMAKER_USER_CONFIG_OVERRIDE"
_TEXT = """\
SchemaVersion: '1.0'
SageMaker:
  PythonSDK:
    Modules:
      TelemetryOptOut: true
      Session:
        DefaultS3Bucket: {bucket}
"""


def write_sdk_config(folder: Path, region: str) -> Path:
    """Write the file, which only its owner can read, and return its path.

    It names the bucket for the SDK's Session.default_bucket(). Without it versions 2 and 3 of the SDK ask STS's real
    address for the account's number, whatever AWS_ENDPOINT_URL says. It also turns off the telemetry that version 3
    sends to AWS, at an address that no variable changes.
    """
    path = folder / "sagemaker-sdk.yaml"
    path.touch(mode=0o600)
    path.write_text(_TEXT.format(bucket=f"sagemaker-{region}-{ACCOUNT}"))
    return path
