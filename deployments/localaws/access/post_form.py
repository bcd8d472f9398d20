"""A browser's upload form, which carries its own credentials and the policy that it must keep to.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from werkzeug.datastructures import FileStorage
from werkzeug.formparser import parse_form_data

from localaws.access import presigned, signatures
from localaws.access.post_policy import PostPolicy
from localaws.access.presigned import Secrets, mismatch
from localaws.calls import Call
from localaws.errors import AwsError

FORM = "multipart/form-data"
_SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<scope>\d{8}/[^/]+/s3/aws4_request)")


@dataclass(frozen=True)
class PostForm:
    """The fields, whose names are in lower case, and the file's length."""

    fields: Mapping[str, str]
    size_bytes: int

    @property
    def access_key(self) -> str | None:
        """Whose form it is; None for one that nobody has signed, as S3 takes each without a policy."""
        if "policy" not in self.fields:
            return None
        credential = self.fields.get("x-amz-credential")
        return credential.partition("/")[0] if credential is not None else self.fields.get("awsaccesskeyid")


def is_form(call: Call) -> bool:
    """Whether the call uploads by a form."""
    return call.request.method == "POST" and call.request.mimetype == FORM and call.key is None


def form_of(call: Call) -> PostForm:
    """The form that the call sends; its body stays readable."""
    body = call.body()
    _, form, files = parse_form_data({**call.request.environ, "wsgi.input": io.BytesIO(body)})
    with ExitStack() as opened:
        for file in files.values():
            opened.callback(file.close)
        return _form({name.lower(): value for name, value in form.items()}, files)


def _form(fields: dict[str, str], files: Mapping[str, FileStorage]) -> PostForm:
    if "key" not in fields:
        raise _missing("key")
    if "file" in fields:  # sent as a field, without a file's name
        return PostForm({**fields, "key": key_of(fields["key"], "")}, len(fields["file"].encode()))
    if len(files) != 1 or "file" not in files:
        raise AwsError("InvalidArgument", "POST requires exactly one file upload per request.")
    size = files["file"].stream.seek(0, io.SEEK_END)
    return PostForm({**fields, "key": key_of(fields["key"], files["file"].filename or "")}, size)


def key_of(field: str, filename: str) -> str:
    """The object's key, in which `${filename}` is the file's name without its folders."""
    return field.replace("${filename}", filename.rpartition("/")[2])


def check(call: Call, form: PostForm, secret_of: Secrets) -> None:
    """Raises S3's error for a form that is not signed as it says, or against its policy."""
    policy = form.fields.get("policy")
    if policy is None:
        return
    if form.access_key is None:
        raise _missing("AWSAccessKeyId")
    secret = secret_of(form.access_key, form.fields.get(presigned.TOKEN))
    _check_signature(form.fields, form.access_key, policy, secret)
    PostPolicy.of(policy).check(form.fields, call.bucket or "", form.size_bytes, presigned.now())


def _check_signature(fields: Mapping[str, str], access_key: str, policy: str, secret: str | None) -> None:
    field = "x-amz-signature" if "x-amz-credential" in fields else "signature"
    provided = fields.get(field)
    if provided is None:
        raise _missing(field)
    if secret is None:
        return
    if field == "signature":
        made = signatures.v2_signature(secret, policy)
    else:
        match = _SCOPE.fullmatch(fields["x-amz-credential"])
        made = signatures.v4_signature(secret, match["scope"], policy) if match else ""
    if not made or not presigned.same(provided, made):
        raise mismatch(access_key, provided, policy)


def _missing(field: str) -> AwsError:
    needed = f"Bucket POST must contain a field named '{field}'."
    return AwsError("InvalidArgument", f"{needed}  If it is specified, please check the order of the fields.")
