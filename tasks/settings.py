"""The settings of a run that aren't flow parameters, from the environment or `.env`, with the prefix STYGIG_."""

import getpass
import os
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks import limits
from tasks.errors import InputError
from tasks.shipped import shipped

Processor = Literal["cpu", "gpu"]
ACCOUNT_OF_AWS_IMAGES = shipped("deployments/aws/images.yaml")


def _user() -> str:
    """The user's name, or "unknown": containers may run under an id without one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


class Settings(BaseSettings):
    """The settings of one process. Nothing in here is a secret: credentials come the way boto3 finds them."""

    model_config = SettingsConfigDict(env_prefix="STYGIG_", env_file=".env", extra="ignore")

    bucket: str = Field(
        default="", description="bucket for artifacts and runs; empty: stygig-<account>-<region>, made if absent"
    )
    execution_role_arn: str = Field(default="", description="role that SageMaker assumes to serve the model")
    scheduler_role_arn: str = Field(
        default="", description="role by which EventBridge Scheduler deletes expired endpoints; empty: it doesn't"
    )
    image_uri: str = Field(default="", description="serving image; empty: the region's PyTorch inference image")
    allowed_s3_prefixes: str = Field(default="", description="s3://… prefixes that image_s3_uri may name, by commas")
    owner: str = Field(default_factory=_user, description="goes into the tag stygig:owner")
    expires_after_hours: int = Field(
        default=6, ge=1, le=720, description="when the sweep may remove what a dead run left"
    )
    reports: Path = Field(default=Path("reports"), description="folder that reports are written to")
    retention_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="how long reports and Prefect's records are kept; reports of failed nights four times as long",
    )
    credentials_block: str = Field(
        default="", description="name of a prefect-aws AwsCredentials block; empty: boto3's own chain"
    )

    endpoint_deadline_minutes: int = Field(
        default=40, ge=1, le=180, description="how long an endpoint may take to be InService"
    )
    teardown_deadline_minutes: int = Field(default=40, ge=1, le=180, description="how long a teardown may take")
    invocation_timeout_seconds: int = Field(
        default=300,
        ge=limits.INVOCATION_TIMEOUT_SECONDS[0],
        le=limits.INVOCATION_TIMEOUT_SECONDS[1],
        description="longest processing of one invocation",
    )
    container_startup_timeout_seconds: int = Field(
        default=600,
        ge=limits.STARTUP_HEALTH_CHECK_SECONDS[0],
        le=limits.STARTUP_HEALTH_CHECK_SECONDS[1],
        description="how long a container may take until it answers its first ping",
    )
    model_download_timeout_seconds: int = Field(
        default=600,
        ge=limits.MODEL_DOWNLOAD_SECONDS[0],
        le=limits.MODEL_DOWNLOAD_SECONDS[1],
        description="how long an instance may take to fetch and unpack the model",
    )
    model_server_workers: int = Field(
        default=0,
        ge=0,
        le=96,
        description="processes that serve on one instance, each with the model in memory; 0: one for each GPU or vCPU",
    )
    ort_prepack: bool = Field(
        default=True, description="a container lays the weights out for speed, which more than doubles its start"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least serious lines that a container logs"
    )
    request_ttl_seconds: int = Field(
        default=3600,
        ge=limits.REQUEST_TTL_SECONDS[0],
        le=limits.REQUEST_TTL_SECONDS[1],
        description="longest wait of one invocation in the queue",
    )

    def masked(self) -> dict[str, str]:
        """The settings as text for a log or a report, without account numbers and passwords."""
        shown = {name: without_password(str(value)) for name, value in self.model_dump().items()}
        registry = self.image_uri.partition("/")[0]
        if ":" in registry.rpartition("@")[0]:
            shown["image_uri"] = f"***@{registry.rpartition('@')[2]}{self.image_uri.removeprefix(registry)}"
        for name in ("execution_role_arn", "scheduler_role_arn"):
            if shown[name]:
                shown[name] = shown[name].rpartition("/")[2] or "(set)"
        return {name: value for name, value in shown.items() if value}


def without_password(text: str) -> str:
    """The text with the user and password of every address masked, also where it has no scheme, as an image's."""
    return re.sub(r"(?<=//)[^/@\s\"']+@|\b[^/@\s\"':]+:[^/@\s\"']+@", "***@", text)


def read_settings() -> Settings:
    """The settings in the environment and in .env; raise InputError that names the variable of a wrong one."""
    try:
        return Settings()
    except UnicodeDecodeError as exc:
        raise InputError(f".env is not text in UTF-8: {exc}.") from exc
    except ValidationError as exc:
        wrong = [
            f"STYGIG_{str(e['loc'][0]).upper()} is {without_password(repr(e['input']))}: {e['msg']}"
            for e in exc.errors()
        ]
        raise InputError(f"{'; '.join(wrong)}. Look in the environment and in .env.") from exc


def serving_image(settings: Settings, region: str, processor: Processor = "cpu") -> str:
    """The image that serves the model: the one set, or the region's from `deployments/aws/images.yaml`."""
    if settings.image_uri:
        return settings.image_uri
    table = images()
    account = table["accounts"].get(region)
    if account is None:
        raise InputError(
            f"No serving image is known for region {region!r} (known: {', '.join(sorted(table['accounts']))}). "
            "Set STYGIG_IMAGE_URI to one."
        )
    # AWS's regions in China have a domain of their own
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{account}.dkr.ecr.{region}.{suffix}/{table['repository']}:{table[processor]}"


@cache
def images() -> dict[str, Any]:
    """AWS's own serving images, and the account that has them in each region."""
    table: dict[str, Any] = yaml.safe_load(ACCOUNT_OF_AWS_IMAGES.read_text())
    return table


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base).absolute() / "stygig"
