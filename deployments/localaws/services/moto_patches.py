"""Changes to moto 5.2.5 which a long-lived server needs; a test of each symbol guards against another moto."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import moto.backends
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.core.common_models import BaseModel
from moto.core.utils import camelcase_to_underscores, unix_time_millis
from moto.s3.models import FakeKey
from moto.sns.models import Subscription
from moto.sqs.models import Queue

from localaws.services.sns_envelope import envelope

MOTO_VERSION = "5.2.5"


def apply() -> None:
    """Applies every change, once per process."""
    if getattr(moto, "_localaws_patched", None) == MOTO_VERSION:
        return
    _cache_module_list()
    _count_queues_cheaply()
    _track_models_weakly()
    _keep_objects_open_while_used()
    _remove_policies_with_their_target()
    Subscription.get_post_data = envelope
    moto._localaws_patched = MOTO_VERSION


def _cache_module_list() -> None:
    """moto lists its package folder (180 stat calls) in every request, under the dispatcher's lock."""
    names = tuple(moto.backends.list_of_moto_modules())
    moto.backends.list_of_moto_modules = lambda: names


class QueueAttributes(Mapping[str, Any]):
    """A queue's attributes, each computed when it is asked for."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        kms = queue.KMS_ATTRIBUTES if queue.kms_master_key_id else []
        self._names = [*queue.BASE_ATTRIBUTES, *(queue.FIFO_ATTRIBUTES if queue.fifo_queue else []), *kms]

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        value = getattr(self._queue, camelcase_to_underscores(name))
        if name == "RedrivePolicy" and value:
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else value

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _count_queues_cheaply() -> None:
    """Sending one message computed all attributes, three of which walk the backlog and ask the time per message."""

    def messages(queue: Any) -> list[Any]:
        now = unix_time_millis()
        return [
            message for message in list(queue._messages) if now > message.visible_at and now >= message.delayed_until
        ]

    def delayed(queue: Any) -> int:
        now = unix_time_millis()
        return sum(now < message.delayed_until for message in list(queue._messages))

    def not_visible(queue: Any) -> int:
        now = unix_time_millis()
        return sum(now <= message.visible_at for message in list(queue._messages))

    Queue.attributes = property(QueueAttributes)
    Queue.messages = property(messages)
    Queue.approximate_number_of_messages_delayed = property(delayed)
    Queue.approximate_number_of_messages_not_visible = property(not_visible)


class WeakInstances:
    """The model objects of a class that are still alive; moto's list kept every one ever made."""

    def __init__(self) -> None:
        self._references: dict[int, weakref.ref[Any]] = {}

    def append(self, instance: Any) -> None:
        """Tracks one object until it is collected."""
        number = id(instance)
        self._references[number] = weakref.ref(instance, lambda _: self._references.pop(number, None))

    def __iter__(self) -> Iterator[Any]:
        for reference in list(self._references.values()):
            if (instance := reference()) is not None:
                yield instance

    def __len__(self) -> int:
        return len(self._references)


def _track_models_weakly() -> None:
    def new(cls: Any, *args: Any, **kwargs: Any) -> Any:
        instance = object.__new__(cls)
        if not isinstance(cls.instances_tracked, WeakInstances):
            cls.instances_tracked = WeakInstances()
        cls.instances_tracked.append(instance)
        return instance

    BaseModel.__new__ = new


def _keep_objects_open_while_used() -> None:
    """moto closes an object's buffer when its key is overwritten, while another request may still be reading it."""
    close = FakeKey.dispose
    FakeKey.dispose = lambda key, garbage=False: None
    FakeKey.__del__ = close


def _remove_policies_with_their_target() -> None:
    original = ApplicationAutoscalingBackend.deregister_scalable_target

    def deregister(backend: Any, namespace: str, r_id: str, dimension: str) -> None:
        original(backend, namespace, r_id, dimension)
        for policy in list(backend.policies.values()):
            if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == (
                namespace,
                r_id,
                dimension,
            ):
                backend.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)

    ApplicationAutoscalingBackend.deregister_scalable_target = deregister
