"""Changes to moto 5.2.5 that a long-lived server needs; a test of every patched symbol guards against another moto."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import moto.backends
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.core.common_models import BaseModel
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from localaws.services import iam_simulation, sqs_queues, tagging
from localaws.services.cloudwatch import alarms, queries
from localaws.services.s3 import buckets, conditions, encryption, forms, multipart, objects, parts, uploads
from localaws.services.sns import patches

MOTO_VERSION = "5.2.5"
_SERVICES = (
    alarms,
    queries,
    iam_simulation,
    buckets,
    conditions,
    encryption,
    forms,
    multipart,
    objects,
    parts,
    uploads,
    patches,
    sqs_queues,
    tagging,
)


def apply() -> None:
    """Apply every change, once per process."""
    if getattr(moto, "_localaws_patched", None) == MOTO_VERSION:
        return
    _cache_module_list()
    _leave_uploads_unread()
    _track_models_weakly()
    _end_scaling_with_its_target()
    for service in _SERVICES:
        service.apply()
    moto._localaws_patched = MOTO_VERSION


def _cache_module_list() -> None:
    """Cache the list: moto lists its package folder (180 stat calls) in every request, under the dispatcher's lock."""
    names = tuple(moto.backends.list_of_moto_modules())
    moto.backends.list_of_moto_modules = lambda: names


def _leave_uploads_unread() -> None:
    """Read only POST bodies: moto searches unsigned form-typed bodies for an action, and loses one that is not text."""
    original = DomainDispatcherApplication._get_body
    DomainDispatcherApplication._get_body = lambda application, environ: (
        original(application, environ) if environ["REQUEST_METHOD"] == "POST" else None
    )


class WeakInstances:
    """The model objects of a class that are still alive; moto's own list keeps every one ever made."""

    def __init__(self) -> None:
        self._references: dict[int, weakref.KeyedRef[int, Any]] = {}
        self._forget = self._remove  # one bound method for all references, not a new one for each

    def append(self, instance: Any) -> None:
        """Track an object until it is collected, with a single extra object for it: thousands are made per second."""
        number = id(instance)
        self._references[number] = weakref.KeyedRef(instance, self._forget, number)

    def _remove(self, reference: weakref.KeyedRef[int, Any]) -> None:
        self._references.pop(reference.key, None)

    def __iter__(self) -> Iterator[Any]:
        for reference in list(self._references.values()):
            if (instance := reference()) is not None:
                yield instance

    def __len__(self) -> int:
        return len(self._references)


def _track_models_weakly() -> None:
    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        instance = object.__new__(cls)
        # moto's reset puts a plain list here again.
        if not isinstance(cls.instances_tracked, WeakInstances):
            cls.instances_tracked = WeakInstances()
        cls.instances_tracked.append(instance)
        return instance

    BaseModel.__new__ = new


def _end_scaling_with_its_target() -> None:
    """Delete a target's policies and scheduled actions together with the target, as AWS does."""
    original = ApplicationAutoscalingBackend.deregister_scalable_target

    def deregister(backend: Any, namespace: str, r_id: str, dimension: str) -> None:
        original(backend, namespace, r_id, dimension)
        for policy in [each for each in list(backend.policies.values()) if _scales(each, namespace, r_id, dimension)]:
            backend.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)
        for action in [each for each in backend.scheduled_actions if _scales(each, namespace, r_id, dimension)]:
            backend.delete_scheduled_action(namespace, action.scheduled_action_name, r_id, dimension)

    ApplicationAutoscalingBackend.deregister_scalable_target = deregister


def _scales(each: Any, namespace: str, resource_id: str, dimension: str) -> bool:
    return (each.service_namespace, each.resource_id, each.scalable_dimension) == (namespace, resource_id, dimension)
