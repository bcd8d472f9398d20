"""Uploads by browser forms: the object with all properties in the form, and the answer that the form asks for.

`access.s3.post_form` has already checked that the form's policy allows it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from xml.sax.saxutils import escape

from moto.s3.models import get_canned_acl
from moto.s3.responses import S3Response
from moto.s3.utils import metadata_from_headers

from localaws.access.s3.form_parts import FormParts
from localaws.access.s3.post_form import FORM
from localaws.services.s3 import checksums

Answer = tuple[int, dict[str, Any], str]
_STATUSES = {"200": 200, "201": 201}
_bucket_response_post = S3Response._bucket_response_post


def apply() -> None:
    """Patch moto with the function of this module."""
    S3Response._bucket_response_post = bucket_response_post


def bucket_response_post(response: Any, request: Any, bucket_name: str) -> Any:
    """Answer a POST to a bucket: a form upload, or the deletion of many objects."""
    if request.mimetype != FORM:
        return _bucket_response_post(response, request, bucket_name)
    response.data["Action"] = "PutObject"
    response._authenticate_and_authorize_s3_action(bucket_name=bucket_name)
    parts = FormParts.read(request.headers.get("Content-Type", ""), request.get_data())
    fields = {**parts.fields, "key": parts.key}
    key = _store(response, bucket_name, fields, parts.content)
    location = f"{request.url_root}{quote(bucket_name)}/{quote(key.name, safe='')}"
    return _answer(fields, bucket_name, key, location)


def _store(response: Any, bucket_name: str, fields: dict[str, str], body: bytes) -> Any:
    acl = response._acl_from_headers({"x-amz-acl": fields["acl"]}) if "acl" in fields else get_canned_acl("private")
    checksum = checksums.checked(fields, body, b"")
    key = response.backend.put_object(
        bucket_name,
        fields["key"],
        body,
        storage=fields.get("x-amz-storage-class", "STANDARD"),
        encryption=fields.get("x-amz-server-side-encryption"),
        kms_key_id=fields.get("x-amz-server-side-encryption-aws-kms-key-id"),
        request_method="POST",
    )
    key.set_acl(acl)
    key.set_metadata(metadata_from_headers(fields))
    key.website_redirect_location = fields.get("x-amz-website-redirect-location")
    checksums.keep(key, checksum)
    if "tagging" in fields:
        # moto's parser reads the tags from the request's body.
        response.body = fields["tagging"].encode()
        response.backend.put_object_tagging(key, response._tagging_from_xml())
    return key


def _answer(fields: dict[str, str], bucket_name: str, key: Any, location: str) -> Answer:
    # moto's headers are those of GetObject, whose body is the object.
    headers = {**key.response_dict, "Location": location}
    for of_the_object in ("content-length", "last-modified"):
        headers.pop(of_the_object)
    target = fields.get("success_action_redirect", fields.get("redirect", ""))
    if urlsplit(target).scheme in ("http", "https"):
        return 303, {**headers, "Location": _redirect(target, bucket_name, key)}, ""
    status = _STATUSES.get(fields.get("success_action_status", ""), 204)
    return status, headers, _document(bucket_name, key, location) if status == 201 else ""


def _redirect(target: str, bucket_name: str, key: Any) -> str:
    parts = urlsplit(target)
    added = [("bucket", bucket_name), ("key", key.name), ("etag", key.etag)]
    return urlunsplit(parts._replace(query=urlencode(parse_qsl(parts.query, keep_blank_values=True) + added)))


def _document(bucket_name: str, key: Any, location: str) -> str:
    values = {"Location": location, "Bucket": bucket_name, "Key": key.name, "ETag": key.etag}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{inner}</PostResponse>'
