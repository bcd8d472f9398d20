"""Faults of calls over HTTP: errors in place of an answer, and connections that close without one."""

from __future__ import annotations

from moto.s3.models import s3_backends

from localaws.calls import Call
from localaws.errors import AwsError
from localaws.faults.active import Faults
from localaws.faults.kinds import CallRefused, ConnectionDropped, MissingKeyForbidden, S3Fails, Throttled
from localaws.services.moto_services import ACCOUNT

S3_ERRORS = {
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "SlowDown": (503, "Please reduce your request rate."),
}
_NAMING = ("Name", "Arn", "Url", "ResourceId")


class FaultGate:
    """A gate that raises the error which a fault wants in place of a call's own answer."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def __call__(self, call: Call) -> None:
        """Raise the error of a fault that strikes the call."""
        if not self._faults:
            return
        where = _where(call)
        if (refused := self._faults.strike(CallRefused, **where)) is not None:
            raise AwsError(refused.code, refused.message, refused.status)
        if self._faults.strike(Throttled, **where) is not None:
            raise throttled(call)
        if call.service == "s3":
            self._s3(call)

    def _s3(self, call: Call) -> None:
        bucket, key = call.bucket or "", call.key or ""
        failing = self._faults.strike(S3Fails, bucket=bucket, key=key, operation=call.operation, caller="client")
        if failing is not None:
            status, message = S3_ERRORS[failing.code]
            raise AwsError(failing.code, message, status)
        reads = call.operation in ("GetObject", "HeadObject")
        if reads and _is_missing(bucket, key) and self._faults.strike(MissingKeyForbidden, bucket=bucket, key=key):
            raise AwsError("AccessDenied", "Access Denied", 403)


def connection_dropped(faults: Faults, call: Call) -> ConnectionDropped | None:
    """The fault that closes the call's connection, if one does."""
    return faults.strike(ConnectionDropped, **_where(call)) if faults else None


def throttled(call: Call) -> AwsError:
    """The throttling error in the protocol of the call."""
    if call.service == "s3":
        status, message = S3_ERRORS["SlowDown"]
        return AwsError("SlowDown", message, status)
    json_protocol = "X-Amz-Target" in call.request.headers or call.endpoint_name is not None
    return AwsError("ThrottlingException" if json_protocol else "Throttling", "Rate exceeded")


def _where(call: Call) -> dict[str, str | tuple[str, ...]]:
    return {"service": call.service, "operation": call.operation, "name": _names(call)}


def _names(call: Call) -> tuple[str, ...]:
    """The names in the call: a bucket and BUCKET/KEY, an endpoint, or the members that are names, ARNs and URLs."""
    if call.bucket is not None:
        return (call.bucket, f"{call.bucket}/{call.key}") if call.key else (call.bucket,)
    if call.endpoint_name is not None:
        return (call.endpoint_name,)
    members = [value for member, value in call.parameters.items() if member.endswith(_NAMING)]
    whole = [value for value in members if isinstance(value, str)]
    return tuple(dict.fromkeys([*whole, *(value.replace(":", "/").rpartition("/")[2] for value in whole)]))


def _is_missing(bucket: str, key: str) -> bool:
    backend = s3_backends[ACCOUNT]["aws"]
    return bucket in backend.buckets and backend.get_object(bucket, key) is None
