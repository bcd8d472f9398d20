"""One invocation without a flow run: it takes seconds, less than the start of a Prefect server."""

from typing import TYPE_CHECKING

import typer

from stygig.endpoint_info import ENDPOINT_INFO, read_endpoint_info

if TYPE_CHECKING:
    from tasks.invoking.diagnosis import Diagnosis
    from tasks.invoking.single import Invocation


def invoke_directly(
    endpoint_name: str, image: str, s3_image: str, top_k: int, wait: bool, wait_seconds: int
) -> "Invocation":
    from uuid import uuid4

    from tasks.invoking.single import invoke_by_hand
    from tasks.plan import plan_run

    name = endpoint_name or _deployed_before()
    return invoke_by_hand(plan_run(str(uuid4())), name, image, s3_image, top_k, wait, wait_seconds, _say)


def wait_directly(inference_id: str, wait_seconds: int) -> "Invocation":
    from uuid import uuid4

    from tasks.invoking.single import resume_by_hand
    from tasks.plan import plan_run

    return resume_by_hand(plan_run(str(uuid4())), inference_id, wait_seconds, _say)


def diagnose_directly(asked: str) -> "Diagnosis":
    from tasks.invoking.diagnosis import Limits, diagnose
    from tasks.plan import bucket_of
    from tasks.settings import read_settings

    settings = read_settings()
    limits = Limits(ttl_seconds=settings.request_ttl_seconds, timeout_seconds=settings.invocation_timeout_seconds)
    return diagnose(bucket_of(settings), asked, limits)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _deployed_before() -> str:
    from tasks.errors import InputError

    found = read_endpoint_info()
    if not found:
        raise InputError(
            f"No --endpoint-name was given, and there is no {ENDPOINT_INFO} here. `stygig deploy` makes one."
        )
    return found["endpoint_name"]
