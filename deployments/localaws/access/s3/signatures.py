"""The signatures that S3 expects on links and forms, calculated from the secret as the client does it.

Version 4: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
Version 2: https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, quote, urlsplit

from botocore.auth import HmacV1Auth
from botocore.credentials import Credentials
from werkzeug.wrappers import Request

_UNRESERVED = "-_.~"


def v4_signature(secret: str, scope: str, text: str) -> str:
    """The signature of a text, with a key derived from the secret for the scope's day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, text).hex()


def v4_canonical_request(request: Request, signed_headers: str) -> str:
    """The canonical form of a request, which a client that signs a URL hashes."""
    headers = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed_headers.split(";")]
    in_url = {name.lower(): value for name, value in request.args.items()}
    payload = in_url.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if "x-amz-content-sha256" in signed_headers.split(";"):
        payload = request.headers.get("x-amz-content-sha256", payload)
    path = quote(request.path, safe=f"/{_UNRESERVED}")
    return "\n".join((request.method, path, _v4_query(request), "".join(headers), signed_headers, payload))


def v4_text(date: str, scope: str, canonical_request: str) -> str:
    """The text to sign for a canonical request."""
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    return "\n".join(("AWS4-HMAC-SHA256", date, scope, digest))


def v2_signature(secret: str, text: str) -> str:
    """The version 2 signature of a text."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


def v2_text(request: Request, expires: str) -> str:
    """The text to sign for a link of version 2; its x-amz- values may be in the URL or in headers."""
    amazon = {name.lower(): value for name, value in request.args.items()}
    amazon.update((name.lower(), value.strip()) for name, value in request.headers.items())
    lines = [request.method, request.headers.get("Content-MD5", ""), request.headers.get("Content-Type", ""), expires]
    lines += [f"{name}:{value}" for name, value in sorted(amazon.items()) if name.startswith("x-amz-")]
    signer = HmacV1Auth(Credentials("", ""))  # signs nothing here, but knows which parts of a URL are signed
    raw = urlsplit(f"http://host{request.environ['REQUEST_URI']}")
    path = raw.path if raw.path.count("/") > 1 else f"{raw.path}/"  # clients sign a bucket with a slash, sent or not
    resource: str = signer.canonical_resource(raw, auth_path=path)
    return "\n".join((*lines, resource))


def _v4_query(request: Request) -> str:
    pairs = parse_qsl(request.query_string.decode(), keep_blank_values=True)
    encoded = (
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in pairs
        if name.lower() != "x-amz-signature"
    )
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
