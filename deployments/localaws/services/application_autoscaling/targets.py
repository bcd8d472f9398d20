"""The scalable targets of SageMaker's variants in moto's backends: lookup, names, errors and pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends

from localaws.errors import AwsError, ValidationException
from localaws.services.moto_services import ACCOUNT

Request = dict[str, Any]
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
LARGEST_PAGE = 50
# AWS's wording, as far as it is known.
WHERE = "service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}"
NOT_REGISTERED = f"No scalable target registered for {WHERE}"
NO_TARGET = f"No scalable target found for {WHERE}"


def backend_of(region: str) -> Any:
    """moto's backend with the targets, policies and scheduled actions of a region."""
    return applicationautoscaling_backends[ACCOUNT][region]


def target_of(region: str, request: Request) -> Any | None:
    """The target that a request names; None if it is not registered."""
    return backend_of(region).targets.get(DIMENSION, {}).get(request["ResourceId"])


def where(resource: Any) -> Request:
    """The three members by which AWS identifies a target, for the target itself or anything that belongs to it."""
    return {"ServiceNamespace": NAMESPACE, "ResourceId": resource.resource_id, "ScalableDimension": DIMENSION}


def page(items: Iterable[Any], request: Request) -> tuple[Sequence[Any], dict[str, str]]:
    """The page that a request asks for, and the token of the next one."""
    listed, token, size = list(items), request.get("NextToken"), request.get("MaxResults", LARGEST_PAGE)
    if not 1 <= size <= LARGEST_PAGE:
        raise ValidationException(f"The maximum number of results must be between 1 and {LARGEST_PAGE}.")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except (binascii.Error, ValueError) as exc:
        raise AwsError("InvalidNextTokenException", "The next token supplied was invalid.") from exc
    end = start + size
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(listed) else {}
    return listed[start:end], more


def not_found(text: str, request: Request, name: str = "") -> AwsError:
    """The error for a target, policy or action that does not exist; `text` is its template."""
    place = {"namespace": NAMESPACE, "resource": request["ResourceId"], "dimension": DIMENSION}
    return AwsError("ObjectNotFoundException", text.format(**place, name=name))
