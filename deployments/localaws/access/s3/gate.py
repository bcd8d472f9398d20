"""The checks that S3 makes whether or not permissions are judged: signed links, forms, owners, encryption."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moto.s3.models import s3_backends

from localaws.access import principals, refusals
from localaws.access.refusals import ACCESS_DENIED
from localaws.access.s3 import post_form, presigned
from localaws.calls import Call
from localaws.errors import AwsError
from localaws.services.moto_services import ACCOUNT
from localaws.services.s3 import encryption

_OWNER = "x-amz-expected-bucket-owner"
_SOURCE_OWNER = "x-amz-source-expected-bucket-owner"
_ACCOUNT_ID = re.compile(r"\d{12}")


@dataclass(frozen=True)
class S3Gate:
    """A gate with the checks that S3 makes of every request; the root key is its own secret.

    Signatures in headers are not verified: each request would cost more, and no client gets them wrong.
    """

    root_key: str

    def __call__(self, call: Call) -> None:
        """Check one call, and raise S3's error for what is wrong."""
        if call.service != "s3":
            return
        if presigned.is_presigned(call):
            presigned.check(call, self._secret_of)
        elif post_form.is_form(call):
            form = post_form.form_of(call)
            post_form.check(call, form, self._secret_of)
            encryption.check(form.fields)
        _check_owner(call)
        encryption.check(_told_of(call))

    def _secret_of(self, access_key: str, token: str | None) -> str | None:
        if access_key == self.root_key:
            return self.root_key
        if principals.is_retired(access_key):
            raise refusals.unknown_key("s3", "")
        secret, wanted = principals.secret_of(access_key), principals.token_of(access_key)
        if secret is not None and token != wanted:
            raise refusals.unknown_key("s3", "") if token is None else refusals.invalid_s3_token()
        return secret


def _told_of(call: Call) -> dict[str, str]:
    """The headers, and the URL's parameters that a link has in their place, by names in lower case."""
    told = (*call.request.args.items(), *call.request.headers.items())
    return {name.lower(): value for name, value in told}


def _check_owner(call: Call) -> None:
    headers = call.request.headers
    expected = headers.get(_OWNER) or call.request.args.get(_OWNER)
    if expected is not None:
        _refuse_other_owner(expected, call.bucket or "")
    if (expected := headers.get(_SOURCE_OWNER)) is not None:
        _refuse_other_owner(expected, headers.get("x-amz-copy-source", "").removeprefix("/").partition("/")[0])


def _refuse_other_owner(expected: str, bucket: str) -> None:
    if not _ACCOUNT_ID.fullmatch(expected):
        text = "The value of the expected bucket owner parameter must be an AWS account ID"
        raise AwsError("InvalidBucketOwnerAWSAccountID", text)
    # A missing bucket is reported before a wrong owner, and by moto.
    if expected != ACCOUNT and bucket in s3_backends[ACCOUNT]["aws"].buckets:
        raise AwsError("AccessDenied", ACCESS_DENIED, 403)
