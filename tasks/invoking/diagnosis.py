"""The status call that SageMaker lacks: what became of a request, or how an endpoint is, and what to do about it."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tasks import clock, limits
from tasks.errors import NotFoundError, PermissionDeniedError
from tasks.hosting.condition import Condition, Unread, read_condition
from tasks.hosting.container_log import last_log_lines, log_lines_with
from tasks.invoking.endings import failure_text, present
from tasks.invoking.findings import Finding, RequestSeen, endpoint_finding, request_finding
from tasks.invoking.records import InvocationRecord, find_record, records_since
from tasks.names import RUNS_PREFIX
from tasks.storage import download

FEW_LOG_LINES = 5
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
LONGEST_LIFE = timedelta(seconds=limits.REQUEST_TTL_SECONDS[1] + limits.INVOCATION_TIMEOUT_SECONDS[1] + 60)
"""The longest that a request may be pending: one that was recorded earlier has ended."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The settings' limits of a request, in seconds; the record's own `give_up_at` is their sum when it was sent."""

    ttl_seconds: int
    timeout_seconds: int


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was asked about, what was seen, and the one finding that follows. One of the two is None if not asked."""

    asked: str
    finding: Finding
    limits: Limits
    request: RequestSeen | None = None
    endpoint: Condition | None = None
    endpoint_name: str = ""
    log_lines: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """What could not be looked up, in AWS's words."""
    at: datetime = field(default_factory=clock.now)


def diagnose(bucket: str, asked: str, of: Limits) -> Diagnosis:
    """The diagnosis of the request with that inference id, or of the endpoint of that name; NotFoundError for neither.

    An inference id is a UUID unless its sender chose another; so a UUID is first looked up as a request.
    """
    is_uuid = bool(_UUID.fullmatch(asked))
    refused: list[PermissionDeniedError] = []
    for way in (_of_request, _of_endpoint) if is_uuid else (_of_endpoint, _of_request):
        try:
            return way(bucket, asked, of)
        except NotFoundError:
            continue
        except PermissionDeniedError as exc:
            # A caller may be allowed to look at endpoints of certain names only, and no endpoint is called like a UUID.
            if way is _of_request or not is_uuid:
                refused.append(exc)
    if refused:
        raise refused[0]
    raise NotFoundError(
        f"No run in s3://{bucket}/{RUNS_PREFIX} has a record of inference {asked}, and no endpoint here has that name. "
        "Give an inference id as `stygig invoke` printed it, or an endpoint's name as `stygig inventory` lists them; "
        "see that region, account and STYGIG_BUCKET are those of the sender."
    )


def _of_endpoint(bucket: str, name: str, of: Limits) -> Diagnosis:
    if len(name) > limits.LONGEST_NAME or not re.fullmatch(limits.NAME_PATTERN, name):
        raise NotFoundError(f"{name!r} is no endpoint's name.")
    condition, unread = read_condition(name), Unread()
    lines: list[str] = []
    with unread.borne():
        lines = last_log_lines(name, FEW_LOG_LINES)
    return Diagnosis(
        asked=name,
        finding=endpoint_finding(condition, clock.now()),
        limits=of,
        endpoint=condition,
        endpoint_name=name,
        log_lines=tuple(lines),
        unread=(*condition.unread, *unread.said),
    )


def _of_request(bucket: str, inference_id: str, of: Limits) -> Diagnosis:
    _, record = find_record(bucket, inference_id)
    unread, lines = Unread(), list[str]()
    seen = _seen(bucket, record, unread)
    condition, vague = _condition(record.endpoint_name, unread)
    with unread.borne():
        lines = list(seen.log_lines)
        if record.endpoint_name and not lines:
            lines = last_log_lines(record.endpoint_name, FEW_LOG_LINES)
    return Diagnosis(
        asked=inference_id,
        finding=request_finding(seen, condition, vague),
        limits=of,
        request=seen,
        endpoint=condition,
        endpoint_name=record.endpoint_name,
        log_lines=tuple(lines),
        unread=(*unread.said, *(condition.unread if condition else ())),
    )


def _condition(name: str, unread: Unread) -> tuple[Condition | None, bool]:
    """The endpoint's condition, None if it is gone; and whether that could not be looked up."""
    if not name:
        unread.said.append("The record does not name its endpoint: another version wrote it.")
        return None, True
    with unread.borne():
        try:
            return read_condition(name), False
        except NotFoundError:
            return None, False
    return None, True


def _seen(bucket: str, record: InvocationRecord, unread: Unread) -> RequestSeen:
    seen = RequestSeen(record, clock.now(), failure_text=record.failure_object or record.failure_reason)
    with unread.borne():
        seen = replace(seen, output_there=bool(present([record.output_location])))
    with unread.borne():
        seen = _with_failure(seen)
    if not (record.ended or seen.output_there or seen.failure_there):
        with unread.borne():
            seen = replace(seen, ahead=_ahead(bucket, record))
    with unread.borne():
        if record.endpoint_name:
            lines = log_lines_with(record.endpoint_name, record.inference_id, record.submitted_at)
            seen = replace(seen, log_lines=tuple(lines))
    return seen


def _with_failure(seen: RequestSeen) -> RequestSeen:
    location = seen.record.failure_location
    if not location or not present([location]):
        return replace(seen, failure_there=False)
    return replace(seen, failure_there=True, failure_text=failure_text(download(location)))


def _ahead(bucket: str, record: InvocationRecord) -> int:
    """The number of requests to the same endpoint that we sent earlier and that have not ended, by S3."""
    now = clock.now()
    earlier = [
        each
        for each in records_since(bucket, now - LONGEST_LIFE)
        if each.endpoint_name == record.endpoint_name
        and each.submitted_at < record.submitted_at
        and not each.ended
        and now <= each.give_up_at
    ]
    there = present(each.output_location for each in earlier)
    there |= present(each.failure_location for each in earlier if each.failure_location)
    return sum(not {each.output_location, each.failure_location} & there for each in earlier)
