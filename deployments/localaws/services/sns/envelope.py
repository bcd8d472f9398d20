"""The three kinds of messages that SNS sends, signed with one key and certificate per region.

moto makes an RSA key per subscription and an X.509 certificate per message, and keeps every certificate.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from localaws.services.serving import Serving

CERTIFICATE_PREFIX = "SimpleNotificationService-"
# The members that AWS signs, in its order: for a notification, and for the two messages that carry a token.
_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_SIGNED_WITH_TOKEN = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_CONFIRMATION = (
    "You have chosen to subscribe to the topic {}.\nTo confirm the subscription, visit the SubscribeURL included in "
    "this message."
)
_CANCELLATION = (
    "You have chosen to deactivate subscription {}.\nTo cancel this operation and restore the subscription, visit the "
    "SubscribeURL included in this message."
)


class Signer(NamedTuple):
    """The key that signs the messages of a region, and its certificate."""

    key: rsa.RSAPrivateKey
    certificate_name: str
    certificate: bytes


@cache
def signer(region: str) -> Signer:
    """The region's key and its self-signed certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    made = Signer(key, f"{CERTIFICATE_PREFIX}{region}-{certificate.serial_number:x}.pem", pem)
    _certificates[made.certificate_name] = pem
    return made


_certificates: dict[str, bytes] = {}


def certificate(name: str) -> bytes | None:
    """The certificate of that name, as the SigningCertURL returns it; None if there is none."""
    return _certificates.get(name)


def timestamp() -> str:
    """The current time in SNS's format."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def is_raw(subscription: Any) -> bool:
    """True if the subscriber wants the message without its envelope."""
    return str(subscription.attributes.get("RawMessageDelivery")).lower() == "true"


def body(subscription: Any, publication: Any) -> str:
    """The text that the subscriber receives for a published message."""
    if is_raw(subscription):
        return str(publication.message_for(subscription.protocol))
    return text(notification(subscription, publication))


def notification(subscription: Any, publication: Any) -> dict[str, Any]:
    """The envelope around a published message."""
    message = {
        "Type": "Notification",
        "MessageId": publication.message_id,
        "TopicArn": subscription.topic.arn,
        **({"Subject": publication.subject} if publication.subject else {}),
        "Message": publication.message_for(subscription.protocol),
        "Timestamp": publication.timestamp,
    }
    url = f"{_host(subscription)}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"
    attributes = {"MessageAttributes": publication.attributes} if publication.attributes else {}
    return {**_signed(subscription, message, _SIGNED), "UnsubscribeURL": url, **attributes}


def confirmation(subscription: Any, token: str, message_id: str) -> dict[str, Any]:
    """The first message to an HTTP subscriber, who confirms by visiting its SubscribeURL."""
    return _with_token(subscription, token, message_id, "SubscriptionConfirmation", _CONFIRMATION)


def cancellation(subscription: Any, token: str, message_id: str) -> dict[str, Any]:
    """The last message to an HTTP subscriber, who can undo the cancellation by visiting its SubscribeURL."""
    return _with_token(subscription, token, message_id, "UnsubscribeConfirmation", _CANCELLATION)


def text(message: dict[str, Any]) -> str:
    """The message as JSON in SNS's layout."""
    return json.dumps(message, indent=2, separators=(",", " : "), ensure_ascii=False)


def _with_token(subscription: Any, token: str, message_id: str, kind: str, wording: str) -> dict[str, Any]:
    topic = subscription.topic.arn
    message = {
        "Type": kind,
        "MessageId": message_id,
        "Token": token,
        "TopicArn": topic,
        "Message": wording.format(topic if kind == "SubscriptionConfirmation" else subscription.arn),
        "SubscribeURL": f"{_host(subscription)}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
        "Timestamp": timestamp(),
    }
    return _signed(subscription, message, _SIGNED_WITH_TOKEN)


def _signed(subscription: Any, message: dict[str, Any], members: tuple[str, ...]) -> dict[str, Any]:
    version = getattr(subscription.topic, "signature_version", None) or "1"
    key, certificate_name, _ = signer(subscription.topic.sns_backend.region_name)
    signed = "".join(f"{member}\n{message[member]}\n" for member in members if member in message)
    # AWS signs with SHA-1 in version 1, which is its default.
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303
    return {
        **message,
        "SignatureVersion": version,
        "Signature": base64.b64encode(key.sign(signed.encode(), padding.PKCS1v15(), digest)).decode(),
        "SigningCertURL": f"{_host(subscription)}/{certificate_name}",
    }


def _host(subscription: Any) -> str:
    serving: Serving | None = getattr(subscription, "serving", None)
    return (
        serving.url()
        if serving is not None
        else f"https://sns.{subscription.topic.sns_backend.region_name}.amazonaws.com"
    )
