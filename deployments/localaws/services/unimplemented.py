"""Clear errors for operations that nothing here implements, instead of another operation's answer.

moto raises, shows Flask's error page, or returns an empty answer. An S3 operation that it does not know it takes for
the one without the query: DeleteBucketMetricsConfiguration deletes the bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import botocore.session
import moto.backends
from botocore.exceptions import UnknownServiceError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from localaws.calls import Call, model_of
from localaws.errors import AwsError

_SERVED_BESIDES = (None, "moto_api")
_OF_S3 = re.compile(
    r".*(Analytics|IntelligentTiering|BucketMetrics|RequestPayment|Torrent|Metadata|Abac|Annotation).*"
    r"|CreateSession|RenameObject|UpdateObjectEncryption|DeleteBucketInventoryConfiguration|GetObjectRetention"
    r"|WriteGetObjectResponse"
)


class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
    """moto's dispatcher, made to raise for a service that moto lacks; the original prints to stdout and fails."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)

    def get_backend_for_host(self, host: str | None) -> str | None:
        """The name of the service behind a host name that moto derived from a request."""
        if host in _SERVED_BESIDES or host in moto.backends.list_of_moto_modules():
            return host
        for backend, pattern in self.backend_url_patterns:
            if pattern.match(f"http://{host}"):
                return str(backend)
        raise NotImplementedError(host)


def gate(call: Call) -> None:
    """Refuse S3 operations that moto would take for others."""
    if call.service == "s3" and _OF_S3.fullmatch(call.operation):
        raise NotImplementedError(call.operation)


def error(call: Call) -> AwsError:
    """The error that the service gives for an operation that it does not have."""
    message = f"The embedded AWS does not implement {call.service}'s {call.operation or call.request.path}."
    if call.service == "s3":
        return AwsError("NotImplemented", message, status=501)
    query = call.request.mimetype == "application/x-www-form-urlencoded"
    return AwsError("InvalidAction" if query else "UnknownOperationException", message)


def answered_by(application: Any, environ: dict[str, Any], start_response: Any, call: Call) -> Iterable[bytes]:
    """The application's answer; raise NotImplementedError where no AWS service would answer so."""
    started: list[tuple[Any, ...]] = []
    try:
        body: Iterable[bytes] = application(environ, lambda *arguments: started.append(arguments))
    except ModuleNotFoundError as exc:  # some of moto's services need packages that are not installed
        raise NotImplementedError(call.operation) from exc
    status, headers, *_ = started[-1]
    if _is_no_answer(status, dict(headers), call):
        # WSGI wants a body closed that is not sent.
        close = getattr(body, "close", None)
        if close is not None:
            close()
        raise NotImplementedError(call.operation)
    start_response(*started[-1])
    return body


def _is_no_answer(status: str, headers: dict[str, str], call: Call) -> bool:
    # S3's own 404 to a HEAD request is empty, too.
    if status[:1] != "4" or call.service == "s3":
        return False
    page = headers.get("Content-Type", "").startswith("text/html")
    return (page and status[:3] in ("404", "405")) or (
        status.startswith("404") and headers.get("Content-Length") == "0"
    )


@lru_cache(maxsize=256)
def speaks_rest_json(service: str) -> bool:
    """True if the service's errors are JSON with the code in a header."""
    # Not `constraints.service_model`: its small cache is for the models that requests are checked against.
    try:
        protocol: str = botocore.session.get_session().get_service_model(model_of(service)).protocol
    except UnknownServiceError:
        return False
    # The runtime, which is REST-JSON, signs its requests as sagemaker, too.
    return protocol == "rest-json" or service == "sagemaker"
