"""A browser's upload form, with its own credentials and the policy that it must satisfy.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from localaws.access.s3 import presigned, signatures
from localaws.access.s3.form_parts import FormParts, missing
from localaws.access.s3.post_policy import PostPolicy
from localaws.access.s3.presigned import Secrets, mismatch
from localaws.calls import Call

FORM = "multipart/form-data"
_SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<scope>\d{8}/[^/]+/s3/aws4_request)")


@dataclass(frozen=True)
class PostForm:
    """The fields, with their names in lower case, and the file's length in bytes."""

    fields: Mapping[str, str]
    size_bytes: int

    @property
    def access_key(self) -> str | None:
        """The signer's access key; None for an unsigned form, which to S3 is every form without a policy."""
        if "policy" not in self.fields:
            return None
        credential = self.fields.get("x-amz-credential")
        return credential.partition("/")[0] if credential is not None else self.fields.get("awsaccesskeyid")


def is_form(call: Call) -> bool:
    """True if the call uploads by a form."""
    return call.request.method == "POST" and call.request.mimetype == FORM and call.key is None


def form_of(call: Call) -> PostForm:
    """The form that the call sends; its body can be read again."""
    parts = FormParts.read(call.request.headers.get("Content-Type", ""), call.body())
    return PostForm({**parts.fields, "key": parts.key}, len(parts.content))


def check(call: Call, form: PostForm, secret_of: Secrets) -> None:
    """Raise S3's error for a form whose signature is wrong, or that violates its policy."""
    policy = form.fields.get("policy")
    if policy is None:
        return
    if form.access_key is None:
        raise missing("AWSAccessKeyId")
    secret = secret_of(form.access_key, form.fields.get(presigned.TOKEN))
    _check_signature(form.fields, form.access_key, policy, secret)
    PostPolicy.of(policy).check(form.fields, call.bucket or "", form.size_bytes, presigned.now())


def _check_signature(fields: Mapping[str, str], access_key: str, policy: str, secret: str | None) -> None:
    field = "x-amz-signature" if "x-amz-credential" in fields else "signature"
    provided = fields.get(field)
    if provided is None:
        raise missing(field)
    if secret is None:
        return
    if field == "signature":
        made = signatures.v2_signature(secret, policy)
    else:
        match = _SCOPE.fullmatch(fields["x-amz-credential"])
        made = signatures.v4_signature(secret, match["scope"], policy) if match else ""
    if not made or not presigned.same(provided, made):
        raise mismatch(access_key, provided, policy)
