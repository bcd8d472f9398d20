"""The policy in a browser's upload form: its expiration, the values of the fields, the size of the file.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.errors import AwsError

# Fields that a policy need not name.
_FREE = ("x-amz-signature", "signature", "awsaccesskeyid", "file", "policy")
_RANGE = "content-length-range"


@dataclass(frozen=True)
class Condition:
    """One condition; for a content-length-range `field` and `value` are its two ends in bytes."""

    operator: str
    field: str
    value: str

    def holds(self, fields: Mapping[str, str]) -> bool:
        """True if the form's field satisfies the condition; a missing one never does."""
        found = fields.get(self.field)
        if found is None:
            return False
        if self.operator == "eq":
            return found == self.value
        # S3 takes commas in a Content-Type for a list, of which each item must match.
        parts = found.split(",") if self.field == "content-type" else [found]
        return all(part.strip().startswith(self.value) for part in parts)

    def __str__(self) -> str:
        return json.dumps([self.operator, f"${self.field}", self.value])


@dataclass(frozen=True)
class PostPolicy:
    """A policy document."""

    expiration: datetime
    conditions: tuple[Condition, ...]

    @classmethod
    def of(cls, encoded: str) -> PostPolicy:
        """Read the policy from the form's field. Raise InvalidPolicyDocument if it is malformed."""
        try:
            document = json.loads(base64.b64decode(encoded))
        except (binascii.Error, ValueError):
            raise _invalid("Invalid JSON.") from None
        if not isinstance(document, dict) or "expiration" not in document:
            raise _invalid("Policy missing expiration.")
        if not isinstance(document.get("conditions"), list):
            raise _invalid("Policy missing conditions.")
        return cls(_moment(document["expiration"]), tuple(_condition(each) for each in document["conditions"]))

    def check(self, fields: Mapping[str, str], bucket: str, size_bytes: int, now: datetime) -> None:
        """Raise S3's error for a form that the policy does not allow; the fields' names are in lower case."""
        if now > self.expiration:
            raise _refused("Policy expired.")
        for condition in self.conditions:
            if condition.operator != _RANGE and not condition.holds({**fields, "bucket": bucket}):
                raise _refused(f"Policy Condition failed: {condition}")
        if extra := self._not_named(fields):
            raise _refused(f"Extra input fields: {', '.join(extra)}")
        for condition in self.conditions:
            if condition.operator == _RANGE:
                _check_size(size_bytes, int(condition.field), int(condition.value))

    def _not_named(self, fields: Iterable[str]) -> list[str]:
        named = {condition.field for condition in self.conditions}
        return [name for name in fields if name not in (*named, *_FREE) and not name.startswith("x-ignore-")]


def _condition(raw: Any) -> Condition:
    if isinstance(raw, dict):
        if len(raw) != 1:
            text = "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
            raise _invalid(text)
        [(field, value)] = raw.items()
        return Condition("eq", field.lower(), str(value))
    if not isinstance(raw, list) or len(raw) != 3:
        raise _invalid("Invalid Condition: a condition has three elements.")
    operator, first, second = str(raw[0]).lower(), str(raw[1]), str(raw[2])
    if operator == _RANGE and first.isdecimal() and second.isdecimal():
        return Condition(operator, first, second)
    if operator in ("eq", "starts-with") and first.startswith("$"):
        return Condition(operator, first[1:].lower(), second)
    raise _invalid(f"Invalid Condition: {json.dumps(raw)}")


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise _invalid(f"Invalid 'expiration' value: '{text}'") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check_size(size: int, least: int, most: int) -> None:
    if size > most:
        fields = {"ProposedSize": size, "MaxSizeAllowed": most}
        raise AwsError("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", 400, fields)
    if size < least:
        fields = {"ProposedSize": size, "MinSizeAllowed": least}
        raise AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400, fields)


def _refused(why: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {why}", 403)


def _invalid(why: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"Invalid Policy: {why}")
