"""moto's queues made fast: moto's own go through the whole backlog to send, receive or delete a message."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

from moto.core.utils import camelcase_to_underscores, unix_time_millis
from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Queue, SQSBackend

KEPT_HANDLES = 10_000

_receive_message = SQSBackend.receive_message
_set_attributes = Queue._set_attributes
# Each looks at messages and then changes them; a long poll waits on the same condition, and so lets others in.
_ONE_AT_A_TIME = ("receive_message", "change_message_visibility", "purge_queue")


def apply() -> None:
    """Patch moto with the functions of this module."""
    Queue.attributes = property(QueueAttributes)
    Queue.messages = property(VisibleMessages)
    Queue.approximate_number_of_messages_delayed = property(_delayed)
    Queue.approximate_number_of_messages_not_visible = property(_not_visible)
    Queue.delete_message = delete_message
    Queue._set_attributes = set_attributes
    for name in _ONE_AT_A_TIME:
        setattr(SQSBackend, name, _one_at_a_time(getattr(SQSBackend, name)))


class QueueAttributes(Mapping[str, Any]):
    """A queue's attributes, each computed only when asked for."""

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


class VisibleMessages:
    """The messages that can be received now, examined one by one and only as far as needed."""

    def __init__(self, queue: Any) -> None:
        # A copy, because other threads change the list meanwhile.
        self._all: Iterable[Any] = list(queue._messages)

    def __iter__(self) -> Iterator[Any]:
        now = unix_time_millis()
        return (message for message in self._all if now > message.visible_at and now >= message.delayed_until)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return any(True for _ in self)


def _delayed(queue: Any) -> int:
    now = unix_time_millis()
    return sum(now < message.delayed_until for message in list(queue._messages))


def _not_visible(queue: Any) -> int:
    now = unix_time_millis()
    return sum(now <= message.visible_at for message in list(queue._messages))


def _one_at_a_time(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def alone(backend: Any, queue_name: str, *args: Any, **kwargs: Any) -> Any:
        with backend.get_queue(queue_name)._messages_lock:
            return method(backend, queue_name, *args, **kwargs)

    return alone


def set_attributes(queue: Any, attributes: dict[str, Any], now: float | None = None) -> None:
    """Set the named attributes, and keep the queue's policy, which moto removes when only others are set."""
    if "Policy" not in attributes:
        attributes = {**attributes, "Policy": queue.policy}
    _set_attributes(queue, attributes, now)


def delete_message(queue: Any, receipt_handle: str) -> None:
    """Delete a received message, and remember only the last KEPT_HANDLES receipt handles of deleted ones.

    moto rebuilds the list of all messages, and loses a message that is sent meanwhile.
    """
    with queue._messages_lock:
        if receipt_handle in queue.deleted_messages:
            return
        for messages in (queue.pending_messages, queue._messages):
            message = next((each for each in messages if each.had_receipt_handle(receipt_handle)), None)
            if message is not None and message in queue._messages:
                break
        else:
            raise ReceiptHandleIsInvalid
        queue._messages.remove(message)
        queue.pending_messages.discard(message)
        _remember(queue, message.all_receipt_handles)


def _remember(queue: Any, handles: Iterable[str]) -> None:
    if isinstance(queue.deleted_messages, set):
        queue.deleted_messages = dict.fromkeys(queue.deleted_messages)  # moto's set, as a dict that knows the oldest
    known = queue.deleted_messages
    known.update(dict.fromkeys(handles))
    while len(known) > KEPT_HANDLES:
        del known[next(iter(known))]
