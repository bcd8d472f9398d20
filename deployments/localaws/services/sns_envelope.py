"""The envelope around a notification, signed with one key and certificate per region.

moto makes an RSA key per subscription and an X.509 certificate per message, and keeps every certificate.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.sns.models import sns_backends


class Signer(NamedTuple):
    """What signs the notifications of a region."""

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
    return Signer(key, f"SimpleNotificationService-{region}-{certificate.serial_number:x}.pem", pem)


def envelope(
    subscription: Any,
    message: str,
    message_id: str,
    subject: str | None,
    message_attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a queue or a web hook receives; stands in for moto's Subscription.get_post_data."""
    region = subscription.topic.sns_backend.region_name
    key, certificate_name, certificate = signer(region)
    # moto serves certificates from the default account, whoever published.
    sns_backends[DEFAULT_ACCOUNT_ID][region]._message_public_keys[certificate_name] = certificate
    signed = {
        "Message": message,
        "MessageId": message_id,
        **({"Subject": subject} if subject else {}),
        "Timestamp": iso_8601_datetime_with_milliseconds(),
        "TopicArn": subscription.topic.arn,
        "Type": "Notification",
    }
    text = "".join(f"{name}\n{value}\n" for name, value in signed.items())
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    host = f"https://sns.{region}.amazonaws.com"
    return {
        **signed,
        "SignatureVersion": "2",
        "Signature": base64.b64encode(signature).decode(),
        "SigningCertURL": f"{host}/{certificate_name}",
        "UnsubscribeURL": f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
        **({"MessageAttributes": message_attributes} if message_attributes else {}),
    }
