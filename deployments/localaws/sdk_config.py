"""The configuration file which keeps the SageMaker SDK on loopback."""

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
    """Writes the file, which only its owner can read.

    It names the bucket that the SDK's Session.default_bucket() takes by itself. Without it the SDK, versions 2 and 3,
    asks for the account's number at STS's real address, whatever AWS_ENDPOINT_URL says. And it forbids what version 3
    tells AWS of its use, at an address that no variable changes.
    """
    path = folder / "sagemaker-sdk.yaml"
    path.touch(mode=0o600)
    path.write_text(_TEXT.format(bucket=f"sagemaker-{region}-{ACCOUNT}"))
    return path
