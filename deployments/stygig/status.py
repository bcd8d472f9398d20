"""A comparison of async_endpoint_info.json with AWS, and the next runs of Prefect's schedules."""

import os
from dataclasses import dataclass
from typing import Any

from stygig.endpoint_info import ENDPOINT_INFO, read_endpoint_info
from stygig.stack.schedules import TAG, NextRun, PrefectServer, next_runs

TOLD = (
    "endpoint_type",
    "model_uri",
    "instance_type",
    "s3_output_path",
    "s3_failure_path",
    "success_topic_arn",
    "error_topic_arn",
)


@dataclass(frozen=True)
class Stale:
    """A field of async_endpoint_info.json that AWS contradicts."""

    what: str
    written: str
    found: str

    def __str__(self) -> str:
        return f"{self.what} is {self.found or 'absent'}, but {ENDPOINT_INFO} says {self.written or 'absent'}"


@dataclass(frozen=True)
class Status:
    """The endpoint and schedules; `endpoint` is empty without an info file, `runs` is None without a Prefect server."""

    endpoint: str
    endpoint_status: str
    stale: tuple[Stale, ...]
    runs: tuple[NextRun, ...] | None

    @property
    def well(self) -> bool:
        return not self.stale and all(run.at for run in self.runs or ())

    def lines(self) -> list[str]:
        told = [f"endpoint {self.endpoint}: {self.endpoint_status}"] if self.endpoint else []
        told = told or [f"no {ENDPOINT_INFO} here: `stygig deploy` writes one"]
        told += [f"STALE: {each}" for each in self.stale]
        if self.runs is None:
            return [*told, "schedules: PREFECT_API_URL is not set, so no Prefect server was asked"]
        return [*told, *(map(str, self.runs) if self.runs else ["no deployment of ours has an active schedule"])]

    def to_dict(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "endpoint_status": self.endpoint_status,
            "stale": [vars(each) for each in self.stale],
            "next_runs": None if self.runs is None else {run.deployment: run.at for run in self.runs},
        }


def read_status() -> Status:
    written = read_endpoint_info()
    status, stale = _compared(written) if written else ("", ())
    return Status(written.get("endpoint_name", ""), status, stale, _scheduled())


def _compared(written: dict[str, str]) -> tuple[str, tuple[Stale, ...]]:
    from tasks.errors import NotFoundError
    from tasks.hosting.endpoint import describe, described_endpoint
    from tasks.hosting.endpoint_info import endpoint_info
    from tasks.limits import FAILED

    name = written["endpoint_name"]
    try:
        status = str(describe(name)["EndpointStatus"])
    except NotFoundError:
        return "gone", (Stale(f"endpoint {name}", "there", "gone"),)
    failed = (Stale(f"endpoint {name}", "deployed", FAILED),) if status == FAILED else ()
    return status, (*failed, *_differences(written, endpoint_info(described_endpoint(name))))


def _differences(written: dict[str, str], found: dict[str, Any]) -> tuple[Stale, ...]:
    """The fields in TOLD that AWS contradicts; it can't tell when the endpoint was asked for, or how long that took."""
    return tuple(
        Stale(name, written.get(name, ""), found[name]) for name in TOLD if written.get(name, "") != found[name]
    )


def _scheduled() -> tuple[NextRun, ...] | None:
    import httpx

    from tasks.errors import ServiceUnreachableError
    from tasks.settings import without_password

    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        return None
    try:
        return tuple(next_runs(PrefectServer(url, os.environ.get("PREFECT_API_AUTH_STRING", "")), TAG))
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ServiceUnreachableError(
            f"The Prefect server at {without_password(url)} could not be asked for its schedules: {exc}. "
            "`. .run/env` points a shell at the one of `make up`."
        ) from exc
