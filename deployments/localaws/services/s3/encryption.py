"""The encryption that S3 accepts: with its own keys or KMS's. SSE-C is refused, because nothing is really encrypted.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import xmltodict  # type: ignore[import-untyped]
from moto.s3.exceptions import MalformedXML
from moto.s3.responses import S3Response

from localaws.errors import AwsError

_HEADER = "x-amz-server-side-encryption"
_CLIENTS_KEY = (f"{_HEADER}-customer-", f"x-amz-copy-source{_HEADER.removeprefix('x-amz')}-customer-")
_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")
_encryption_config_from_body = S3Response._encryption_config_from_body


def apply() -> None:
    """Patch moto with the function of this module."""
    S3Response._encryption_config_from_body = encryption_config_from_body


def check(given: Mapping[str, str]) -> None:
    """Raise S3's error for an unknown encryption; `given` are headers or form fields, with names in lower case."""
    _refuse_clients_key(given)
    algorithm = given.get(_HEADER)
    if algorithm is not None and algorithm not in _ALGORITHMS:
        fields = {"ArgumentName": _HEADER, "ArgumentValue": algorithm}
        raise AwsError("InvalidArgument", "The encryption method specified is not supported", 400, fields)


def _refuse_clients_key(given: Iterable[str]) -> None:
    header = next((name for name in given if name.startswith(_CLIENTS_KEY)), None)
    if header is not None:
        text = (
            f"The embedded AWS does not implement server-side encryption with customer-provided keys (SSE-C): {header}."
        )
        raise AwsError("NotImplemented", text, 501, {"Header": header})


def encryption_config_from_body(response: Any) -> Any:
    """The default encryption that the body sets for a bucket; refuse unknown algorithms."""
    rules = (xmltodict.parse(response.body, force_list=("Rule",))["ServerSideEncryptionConfiguration"] or {}).get(
        "Rule"
    )
    defaults = [rule.get("ApplyServerSideEncryptionByDefault") or {} for rule in rules or () if rule]
    if any(each.get("SSEAlgorithm", _ALGORITHMS[0]) not in _ALGORITHMS for each in defaults):
        raise MalformedXML
    return _encryption_config_from_body(response)
