"""SNS's pages that a web hook opens without credentials: the certificate, and the links in its messages."""

from __future__ import annotations

from uuid import uuid4
from xml.sax.saxutils import escape

from moto.core.exceptions import ServiceException
from moto.sns.models import sns_backends
from werkzeug.wrappers import Request, Response

from localaws.services.sns import envelope, subscriptions

_NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"


def page(request: Request) -> Response | None:
    """The answer to a link that SNS sent out; None for any other request."""
    # A signed request is a call of the API, and moto's to answer.
    if request.method != "GET" or "Authorization" in request.headers:
        return None
    if request.path.startswith(f"/{envelope.CERTIFICATE_PREFIX}"):
        return _certificate(request.path[1:])
    action = request.args.get("Action") if request.path == "/" else None
    if action not in ("ConfirmSubscription", "Unsubscribe"):
        return None
    try:
        return _confirmed(request) if action == "ConfirmSubscription" else _unsubscribed(request)
    except ServiceException as exc:
        status = {"NotFound": 404, "AuthorizationError": 403}.get(exc.code, 400)
        error = f"<Error><Type>Sender</Type><Code>{exc.code}</Code><Message>{escape(exc.message)}</Message></Error>"
        return _xml(f'<ErrorResponse xmlns="{_NAMESPACE}">{error}{_request_id()}</ErrorResponse>', status)


def _certificate(name: str) -> Response:
    pem = envelope.certificate(name)
    if pem is None:
        return Response("", 404)
    return Response(pem, 200, content_type="application/x-pem-file")


def _confirmed(request: Request) -> Response:
    arguments = request.args
    reserved = arguments.get("AuthenticateOnUnsubscribe", "").lower() == "true"
    arn = subscriptions.confirm(arguments.get("TopicArn", ""), arguments.get("Token", ""), reserved, False)
    result = f"<ConfirmSubscriptionResult><SubscriptionArn>{arn}</SubscriptionArn></ConfirmSubscriptionResult>"
    return _answered("ConfirmSubscription", result)


def _unsubscribed(request: Request) -> Response:
    arn = request.args.get("SubscriptionArn", "")
    parts = arn.split(":")
    if len(parts) == 7:
        subscriptions.unsubscribe(sns_backends[parts[4]][parts[3]], arn, authenticated=False)
    return _answered("Unsubscribe", "")


def _answered(action: str, result: str) -> Response:
    metadata = f"<ResponseMetadata>{_request_id()}</ResponseMetadata>"
    return _xml(f'<{action}Response xmlns="{_NAMESPACE}">{result}{metadata}</{action}Response>', 200)


def _request_id() -> str:
    return f"<RequestId>{uuid4()}</RequestId>"


def _xml(text: str, status: int) -> Response:
    return Response(text, status, content_type="text/xml")
