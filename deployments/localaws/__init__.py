"""An embedded AWS on loopback: moto's S3, SNS, SQS, STS, IAM, CloudWatch and Application Auto Scaling, and SageMaker
hosting that really runs the model artifact.

    with LocalAws(clock_rate=60) as aws:
        os.environ.update(aws.environment())
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.clock import Clock
    from localaws.local_aws import LocalAws
    from localaws.sagemaker.hosting import Options

__all__ = ["Clock", "LocalAws", "Options"]


def __getattr__(name: str) -> Any:
    """Import the server only when it is used, so that worker processes and pytest runs without it never load moto."""
    if name == "LocalAws":
        from localaws.local_aws import LocalAws

        return LocalAws
    if name == "Clock":
        from localaws.clock import Clock

        return Clock
    if name == "Options":
        from localaws.sagemaker.hosting import Options

        return Options
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
