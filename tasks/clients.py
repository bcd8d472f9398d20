"""The one place where AWS clients are made, and where AWS's errors become ours.

boto3 honours AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>; no code here or above asks what is behind them.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    ProfileNotFound,
)
from botocore.session import Session as BotocoreSession

from tasks.errors import InputError, NotFoundError, PermissionDeniedError, ServiceUnreachableError, StygigError
from tasks.settings import without_password

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"})
MISSING = frozenset(
    {
        "NoSuchKey",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "404",
        "NotFound",
        "ResourceNotFoundException",
        "ResourceNotFound",
        "NoSuchEntity",
    }
)
REFUSED_ACTION = re.compile(r"not authorized to perform: (\S+)")
"""The missing action in AWS's text, which need not be the operation's own: CreateModel may lack iam:PassRole."""
CONNECTIONS = 64
_making = Lock()
"""A session may make one client at a time."""


@dataclass(frozen=True)
class Place:
    """Another account or region than that of the environment: a profile of ~/.aws/config, a region, or both."""

    profile: str = ""
    region: str = ""


HERE = Place()
_place: ContextVar[Place] = ContextVar("place", default=HERE)


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Have `client` make clients of that place, in this thread."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def client(service: str, *, hasty: bool = False) -> Any:
    """A boto3 client, made once per service, place and environment; safe to share between threads.

    A hasty one gives up after 15 s, for calls that are of no use when they come late.
    """
    # boto3 reads these when it makes a client: another environment needs another client
    environment = tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith("AWS_")))
    return _client(service, os.environ.get("STYGIG_CREDENTIALS_BLOCK", ""), environment, hasty, _place.get())


@lru_cache(maxsize=64)
def _client(
    service: str, credentials_block: str, environment: tuple[tuple[str, str], ...], hasty: bool, place: Place
) -> Any:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1 if hasty else 5},
        max_pool_connections=CONNECTIONS,
        connect_timeout=5 if hasty else 10,
        read_timeout=10 if hasty else 70,  # a real-time invocation may take 60 s
        user_agent_extra="stygig",
    )
    with _explained_set_up(), _making:
        return _session(credentials_block, environment, place).client(service, config=config)


@lru_cache(maxsize=8)
def _session(credentials_block: str, environment: tuple[tuple[str, str], ...], place: Place) -> Any:
    """A session whose clients share what it has read: the services' models, and the credentials."""
    if not credentials_block or place != HERE:
        region = place.region or (place.profile and _region_of(place.profile))
        return boto3.Session(profile_name=place.profile or None, region_name=region or None)
    from prefect_aws import AwsCredentials

    try:
        block = AwsCredentials.load(credentials_block)
    except ValueError as exc:
        raise InputError(
            f"STYGIG_CREDENTIALS_BLOCK names {credentials_block!r}, but Prefect has no AwsCredentials block of that "
            "name. Save one, or unset it to use boto3's own chain."
        ) from exc
    return block.get_boto3_session()  # type: ignore[union-attr]


def _region_of(profile: str) -> str:
    """The profile's own region, which boto3 would have AWS_DEFAULT_REGION replace; empty if it has none."""
    return str(BotocoreSession(profile=profile).get_scoped_config().get("region", ""))


@contextmanager
def _explained_set_up() -> Iterator[None]:
    try:
        yield
    except ValueError as exc:
        said = _without_endpoint_password(str(exc))
        raise InputError(f"{said}: AWS_ENDPOINT_URL must be a URL, as in http://127.0.0.1:4577.") from exc
    except NoRegionError as exc:
        raise InputError("No AWS region is set: export AWS_DEFAULT_REGION, for example us-east-1.") from exc
    except ProfileNotFound as exc:
        raise InputError(f"{exc}. Set AWS_PROFILE to one of those in ~/.aws/config, or unset it.") from exc


def _without_endpoint_password(text: str) -> str:
    """The text without the user and password of AWS_ENDPOINT_URL, whatever characters these hold."""
    for name, url in os.environ.items():
        if name.startswith("AWS_ENDPOINT_URL") and "@" in url:
            text = text.replace(url.partition("//")[2].rpartition("@")[0] or url.rpartition("@")[0], "***")
    return without_password(text)


def region() -> str:
    """The region that clients use, taken from an SQS client: an STS client works without one and would say "None"."""
    return str(client("sqs").meta.region_name)


def partition() -> str:
    """The partition of the region: aws, aws-cn or aws-us-gov."""
    return str(client("sqs").meta.partition)


def account_id() -> str:
    """The account that the credentials belong to; raise InputError first if no region is set, which all else needs."""
    region()
    with explained("sts:GetCallerIdentity"):
        return str(client("sts").get_caller_identity()["Account"])


def error_code(exc: ClientError) -> str:
    return str(exc.response.get("Error", {}).get("Code", ""))


def error_text(exc: ClientError) -> str:
    return str(exc.response.get("Error", {}).get("Message", exc))


@contextmanager
def explained(action: str, what: str = "") -> Iterator[None]:
    """Turn boto3's errors into ours: `action` is the IAM action, `what` the resource that it was asked of."""
    asked = f"{action} on {what}" if what else action
    try:
        yield
    except ClientError as exc:
        raise _translated(exc, asked, what) from exc
    except NoCredentialsError as exc:
        raise PermissionDeniedError(
            f"{asked}: no AWS credentials were found. Set AWS_PROFILE or AWS_ACCESS_KEY_ID; "
            "`stygig local env` prints those of an embedded AWS."
        ) from exc
    except ParamValidationError as exc:
        raise InputError(f"{asked}: {exc}") from exc
    except ValueError as exc:  # urllib's, for an endpoint URL that isn't one
        raise InputError(f"{asked}: {_without_endpoint_password(str(exc))}. Look at AWS_ENDPOINT_URL.") from exc
    except BotoCoreError as exc:
        target = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        said = f"{asked}: {exc}. Is {target} up? (AWS_ENDPOINT_URL decides whom we talk to.)"
        raise ServiceUnreachableError(_without_endpoint_password(said)) from exc


def _translated(exc: ClientError, asked: str, what: str) -> StygigError:
    code, text = error_code(exc), error_text(exc)
    refused = REFUSED_ACTION.search(text)
    # Application Auto Scaling raises a ValidationException where its caller lacks another service's action.
    if code in DENIED or refused:
        missing = refused[1] if refused else asked.split()[0]
        return PermissionDeniedError(f"{asked} was denied: {text.rstrip('.')}. Allow {missing} to the caller.")
    if is_missing(exc):
        return NotFoundError(f"{asked}: {what or 'it'} does not exist ({code}). Check the name and the region.")
    return StygigError(f"{asked} failed: {code}: {text}")


@contextmanager
def missing_ok() -> Iterator[None]:
    """Swallow the error that a resource is gone already, which is fine where it is to be removed, or looked at."""
    try:
        yield
    except ClientError as exc:
        if not is_missing(exc):
            raise


def is_missing(exc: ClientError) -> bool:
    """True for "not found", which SageMaker and Auto Scaling have no error code for: only the text tells."""
    code, text = error_code(exc), error_text(exc)
    gone = ("Could not find", "does not exist", "not found", "No scalable target", "No scaling policy")
    known = {"ObjectNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"} | MISSING
    return code in known or (code in {"ValidationException", "ValidationError"} and any(t in text for t in gone))
