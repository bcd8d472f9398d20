"""The queue of an asynchronous endpoint: waiting, expiry, and dispatch to free instances."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from localaws.clock import LOOK_AGAIN_REAL_SECONDS, SHORTEST_REAL_SECONDS
from localaws.errors import AwsError
from localaws.faults import DeliveredTwice
from localaws.sagemaker.data_plane import wording
from localaws.sagemaker.data_plane.async_invocation import AsyncInvocation
from localaws.sagemaker.data_plane.async_work import AsyncWork
from localaws.sagemaker.instances.instance import Instance

if TYPE_CHECKING:
    from localaws.sagemaker.endpoint import Endpoint

DEFAULT_CONCURRENCY = 4  # AWS chooses a value, too, but publishes none
# AWS's queue has no limit; this one is in memory, so inline bodies beyond this are refused.
MAX_WAITING_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Backlog:
    """The work that an endpoint has yet to finish; the age is in AWS seconds."""

    waiting: int
    processing: int
    oldest_age_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The backlog as a JSON object."""
        return asdict(self)


Started = tuple[int, AsyncInvocation, Instance]


class AsyncQueue:
    """The waiting invocations of one endpoint; they survive an update and a time without instances."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._hosting = endpoint.hosting
        self._changed = threading.Condition(endpoint.hosting.lock)
        self._waiting: OrderedDict[int, AsyncInvocation] = OrderedDict()
        self._waiting_bytes = 0
        self._expiries: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self._processing: dict[int, AsyncInvocation] = {}
        self._closed = False
        self._dispatcher: threading.Thread | None = None

    def start(self) -> None:
        """Start to dispatch."""
        self._dispatcher = self._hosting.threads.spawn(f"dispatch-{self._endpoint.name}", self._dispatch)

    def put(self, invocation: AsyncInvocation) -> None:
        """Add an accepted invocation; raise ThrottlingException if too many bytes wait already."""
        with self._changed:
            if self._waiting_bytes + invocation.inline_bytes > MAX_WAITING_BYTES:
                raise AwsError("ThrottlingException", wording.QUEUE_FULL)
            # Before it can be taken, so that the journal has its acceptance before its end.
            self._record("async.accepted", invocation)
            self._add(invocation)
            if self._hosting.faults.strike(DeliveredTwice, endpoint=self._endpoint.name) is not None:
                self._add(replace(invocation, redelivered=True))
            self._changed.notify_all()

    def wake(self) -> None:
        """Tell the dispatcher that instances came or went."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Drop the waiting invocations, as AWS does when an endpoint is deleted."""
        with self._changed:
            self._closed = True
            dropped = list(self._waiting.values())
            self._waiting.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()
        for invocation in dropped:
            self._record(invocation.event("dropped"), invocation)

    def join(self, deadline: float) -> None:
        """Wait until nothing is dispatched or processed; the deadline is in time.monotonic's seconds."""
        if self._dispatcher is not None:
            self._dispatcher.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._changed.wait_for(lambda: not self._processing, max(0.0, deadline - time.monotonic()))

    def backlog(self) -> Backlog:
        """The invocations that wait and those being processed now."""
        with self._hosting.lock:
            now = self._hosting.clock.now()
            both = [*self._waiting.values(), *self._processing.values()]
            oldest = min((invocation.received_clock for invocation in both), default=now)
            return Backlog(len(self._waiting), len(self._processing), now - oldest)

    def publish_backlog(self) -> None:
        """Publish the current backlog metrics."""
        with self._hosting.lock:
            backlog = self.backlog()
            instances = sum(variant.current for variant in self._endpoint.variants.values())
        # AWS counts invocations that are being processed as backlog, too.
        self._endpoint.metrics.backlog(backlog.waiting + backlog.processing, instances, backlog.oldest_age_seconds)

    def _add(self, invocation: AsyncInvocation) -> None:
        number = next(self._numbers)
        self._waiting[number] = invocation
        self._waiting_bytes += invocation.inline_bytes
        heapq.heappush(self._expiries, (invocation.expires_clock, number))

    def _record(self, event: str, invocation: AsyncInvocation) -> None:
        self._hosting.journal.record(event, endpoint=self._endpoint.name, inference_id=invocation.inference_id)

    def _dispatch(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not self._has_work():
                    self._changed.wait(self._until_next_expiry())
                if self._closed:
                    return
                expired = self._take_expired()
                started = None if expired else self._take_next()
            for invocation in expired:
                AsyncWork(self._endpoint, invocation, None).expire()
            if started is not None:
                number, invocation, instance = started
                self._hosting.threads.run_soon(self._process, number, invocation, instance)

    def _has_work(self) -> bool:
        if self._is_expiring():
            return True
        return bool(self._waiting) and self._free_instance() is not None

    def _until_next_expiry(self) -> float | None:
        if not self._expiries:
            return None
        left = self._hosting.clock.real_seconds(self._expiries[0][0] - self._hosting.clock.now())
        return min(left + SHORTEST_REAL_SECONDS, LOOK_AGAIN_REAL_SECONDS)

    def _forget_started(self) -> None:
        # Python's heap gives up only its first entry, so those of started invocations go when they come first.
        while self._expiries and self._expiries[0][1] not in self._waiting:
            heapq.heappop(self._expiries)

    def _take_expired(self) -> list[AsyncInvocation]:
        expired = []
        while self._expiries and self._expiries[0][0] <= self._hosting.clock.now():
            _, number = heapq.heappop(self._expiries)
            if number in self._waiting:
                expired.append(self._take(number))
        return expired

    def _take(self, number: int) -> AsyncInvocation:
        invocation = self._waiting.pop(number)
        self._waiting_bytes -= invocation.inline_bytes
        return invocation

    def _free_instance(self) -> Instance | None:
        client = (self._endpoint.config.async_config or {}).get("ClientConfig", {})
        limit = client.get("MaxConcurrentInvocationsPerInstance", DEFAULT_CONCURRENCY)
        free = [instance for instance in self._endpoint.healthy_instances() if instance.in_flight < limit]
        return min(free, key=lambda instance: instance.in_flight, default=None)

    def _take_next(self) -> Started | None:
        instance = self._free_instance()
        if instance is None or not self._waiting:
            return None
        number = next(iter(self._waiting))
        invocation = self._processing[number] = self._take(number)
        instance.in_flight += 1
        return number, invocation, instance

    def _process(self, number: int, invocation: AsyncInvocation, instance: Instance) -> None:
        """Process one invocation, then waiting ones: handing each over from the dispatcher would wake two threads."""
        work: Started | None = (number, invocation, instance)
        while work is not None:
            number, invocation, instance = work
            try:
                AsyncWork(self._endpoint, invocation, instance).run(instance)
            except BaseException:
                self._done(number, instance)
                raise
            work = self._done(number, instance, go_on=True)

    def _done(self, number: int, instance: Instance, go_on: bool = False) -> Started | None:
        with self._changed:
            instance.in_flight -= 1
            del self._processing[number]
            following = self._take_next() if go_on and not self._closed and not self._is_expiring() else None
            if following is None:
                self._changed.notify_all()
            return following

    def _is_expiring(self) -> bool:
        self._forget_started()
        return bool(self._expiries) and self._expiries[0][0] <= self._hosting.clock.now()
