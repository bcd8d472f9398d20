"""Presigned links to S3: how long they are valid, and the request they are valid for.

Their times come from the signer, so they are compared with the real time, not with the embedded AWS's own clock. The
signature of an unknown key cannot be verified; such keys are refused only where IAM is enforced.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.s3.models import s3_backends

from localaws.access.s3 import signatures
from localaws.calls import Call
from localaws.errors import AwsError
from localaws.services.moto_services import ACCOUNT

# Looks up the secret of a key, and of the session whose token came with it; None for an unknown key.
Secrets = Callable[[str, str | None], str | None]
LONGEST_SECONDS = 604_800  # S3's limit for links of version 4: a week
TOKEN = "x-amz-security-token"  # noqa: S105 - a name
_SKEW = timedelta(minutes=15)  # how far AWS lets a client's clock be ahead
_CREDENTIAL = re.compile(r"(?P<key>[^/]+)/(?P<scope>(?P<date>\d{8})/(?P<region>[^/]+)/s3/aws4_request)")
_V4_PARAMETERS = ("Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires")
_V4_MARKS = ("x-amz-algorithm", "x-amz-credential", "x-amz-signature")
_V2_MARKS = ("AWSAccessKeyId", "Signature")
_ALGORITHM = "AWS4-HMAC-SHA256"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)
_ONE_MECHANISM = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)


def now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


def is_presigned(call: Call) -> bool:
    """True if the request's URL has a signature, or a part of one."""
    return _is_v4(call) or any(name in call.request.args for name in _V2_MARKS)


def access_key_of(call: Call) -> str | None:
    """The access key in the request's URL; None if there is none."""
    return (
        call.request.args.get("AWSAccessKeyId") or _amazon(call).get("x-amz-credential", "").partition("/")[0] or None
    )


def token_of(call: Call) -> str | None:
    """The token of the session that signed the request, from a header or the URL."""
    return call.request.headers.get(TOKEN) or _amazon(call).get(TOKEN)


def _is_v4(call: Call) -> bool:
    return any(name in _amazon(call) for name in _V4_MARKS)


def _amazon(call: Call) -> dict[str, str]:
    """The parameters of the URL by their names in lower case, because S3 ignores the case of its own."""
    return {name.lower(): value for name, value in call.request.args.items()}


def check(call: Call, secret_of: Secrets) -> None:
    """Raise S3's error for a link that has expired, is not valid yet, or is signed for something else."""
    if call.request.method == "OPTIONS":  # a browser's preflight has the same URL, and no credentials of its own
        return
    if "Authorization" in call.request.headers:
        raise AwsError("InvalidArgument", _ONE_MECHANISM)
    if _is_v4(call):
        _check_v4(call, secret_of)
    else:
        _check_v2(call, secret_of)


@dataclass(frozen=True)
class _V4:
    """The parameters of a link with a version 4 signature."""

    access_key: str
    scope: str
    region: str
    date: str
    expires: int
    signed_headers: str
    signature: str

    @classmethod
    def of(cls, arguments: Any) -> _V4:
        values = {name: arguments.get(f"x-amz-{name.lower()}") for name in _V4_PARAMETERS}
        if None in values.values():
            wanted = [f"X-Amz-{name}" for name in _V4_PARAMETERS]
            listed = f"{', '.join(wanted[:-1])}, and {wanted[-1]}"
            raise _malformed(f"Query-string authentication version 4 requires the {listed} parameters.")
        if values["Algorithm"] != _ALGORITHM:
            raise _malformed(f'X-Amz-Algorithm only supports "{_ALGORITHM}"')
        credential = _CREDENTIAL.fullmatch(values["Credential"])
        if credential is None:
            raise _malformed(
                "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "
                '"<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request".'
            )
        return cls(
            credential["key"],
            credential["scope"],
            credential["region"],
            values["Date"],
            _seconds(values["Expires"]),
            values["SignedHeaders"],
            values["Signature"],
        )

    @property
    def signed_at(self) -> datetime:
        try:
            return datetime.strptime(self.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise _malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"") from None


def _seconds(text: str) -> int:
    try:
        seconds = int(text)
    except ValueError:
        raise _malformed("X-Amz-Expires should be a number") from None
    if seconds < 0:
        raise _malformed("X-Amz-Expires must be non-negative")
    if seconds > LONGEST_SECONDS:
        raise _malformed(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than "
            f"{LONGEST_SECONDS} seconds"
        )
    return seconds


def _check_v4(call: Call, secret_of: Secrets) -> None:
    link = _V4.of(_amazon(call))
    _refuse_other_region(link.region, call.bucket)
    if link.signed_at > now() + _SKEW:
        raise AwsError("AccessDenied", "Request is not valid yet", 403, {"ServerTime": _told(now())})
    expires = link.signed_at + timedelta(seconds=link.expires)
    if now() > expires:
        raise _expired(expires, {"X-Amz-Expires": link.expires})
    canonical = signatures.v4_canonical_request(call.request, link.signed_headers)
    text = signatures.v4_text(link.date, link.scope, canonical)
    secret = secret_of(link.access_key, token_of(call))
    if secret is not None and not same(link.signature, signatures.v4_signature(secret, link.scope, text)):
        raise mismatch(link.access_key, link.signature, text, {"CanonicalRequest": canonical})
    _refuse_unsigned_headers(call, link.signed_headers.split(";"))


def _refuse_other_region(region: str, bucket_name: str | None) -> None:
    bucket = s3_backends[ACCOUNT]["aws"].buckets.get(bucket_name)
    if bucket is not None and bucket.region_name != region:
        what = f"the region '{region}' is wrong; expecting '{bucket.region_name}'"
        raise _malformed(f"Error parsing the X-Amz-Credential parameter; {what}", {"Region": bucket.region_name})


def _refuse_unsigned_headers(call: Call, signed: list[str]) -> None:
    names = [name.lower() for name in call.request.headers.keys()]  # noqa: SIM118 - Headers iterates over pairs
    unsigned = [name for name in names if name.startswith("x-amz-") and name not in (*signed, "x-amz-content-sha256")]
    if unsigned:
        text = "There were headers present in the request which were not signed"
        raise AwsError("AccessDenied", text, 403, {"HeadersNotSigned": ", ".join(unsigned)})


def _check_v2(call: Call, secret_of: Secrets) -> None:
    arguments = call.request.args
    access_key, expires = arguments.get("AWSAccessKeyId"), arguments.get("Expires", "")
    if access_key is None or not expires or "Signature" not in arguments:
        missing = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
        raise AwsError("AccessDenied", missing, 403)
    if not expires.isdecimal():
        raise AwsError("AccessDenied", f"Invalid date (should be seconds since epoch): {expires}", 403)
    if now().timestamp() > int(expires):
        raise _expired(datetime.fromtimestamp(int(expires), UTC), {})
    secret, text = secret_of(access_key, token_of(call)), signatures.v2_text(call.request, expires)
    if secret is not None and not same(arguments["Signature"], signatures.v2_signature(secret, text)):
        raise mismatch(access_key, arguments["Signature"], text)


def mismatch(access_key: str, provided: str, text: str, fields: dict[str, Any] | None = None) -> AwsError:
    """S3's error for a signature other than its own; the fields help to see where the two calculations differ."""
    shown = {"AWSAccessKeyId": access_key, "StringToSign": text, "SignatureProvided": provided}
    return AwsError("SignatureDoesNotMatch", _MISMATCH, 403, {**shown, **(fields or {})})


def same(provided: str, made: str) -> bool:
    """True if two signatures are equal; the time it takes does not reveal where they differ."""
    return hmac.compare_digest(provided.encode(), made.encode())


def _expired(expires: datetime, fields: dict[str, Any]) -> AwsError:
    told = {**fields, "Expires": _told(expires), "ServerTime": _told(now())}
    return AwsError("AccessDenied", "Request has expired", 403, told)


def _told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _malformed(message: str, fields: dict[str, Any] | None = None) -> AwsError:
    return AwsError("AuthorizationQueryParametersError", message, 400, fields)
