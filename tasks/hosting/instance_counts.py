"""An endpoint's instance counts, from the request for it until it is gone; its cost is worked out from them.

An instance bills from its launch until it is gone, so the larger of the current and the desired count is taken.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tasks import limits
from tasks.clock import now
from tasks.errors import NotFoundError
from tasks.hosting.endpoint import Endpoint, describe
from tasks.plain_text import visible
from tasks.prefect_task import run_logger

READING_SECONDS = 5.0
LAST_READING_SECONDS = 60.0
"""The longest time in seconds that the end of a run waits for a reading under way."""
LONGEST_GAP = timedelta(seconds=60)
"""The longest gap between two readings of a count that is still called measured."""
ASKED_FOR = 1
"""The InitialInstanceCount of our endpoint configs."""

Count = tuple[datetime, int]


@dataclass(frozen=True)
class InstanceCounts:
    """One endpoint's counts in order of time, each valid until the next; the first was requested, not read."""

    counts: tuple[Count, ...]
    fault: str = ""
    """The error of the first reading that failed; empty if none did."""

    @property
    def readings(self) -> int:
        return len(self.counts) - 1

    def unread(self, until: datetime) -> str:
        """The reason why the counts don't cover all the time until `until`; empty if they do."""
        last, count = self.counts[-1]
        times = [time for time, _ in self.counts] + [until if count else last]  # what is gone stays gone
        gap = max(later - earlier for earlier, later in pairwise(times))
        if self.readings and gap <= LONGEST_GAP:
            return ""
        return self.fault or f"they were not read for {gap.total_seconds():.0f} s"


@dataclass
class InstanceCounter:
    """A thread that reads the counts until `stop`. It warns once per endpoint that it can't read, and fails no run."""

    warn: Callable[[str], None]
    clock: Callable[[], datetime] = now
    read_so_far: dict[str, list[Count]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def counts(self) -> Mapping[str, InstanceCounts]:
        """The counts read so far, by endpoint name."""
        read = self.read_so_far.items()
        return {name: InstanceCounts(tuple(counts), self.faults.get(name, "")) for name, counts in read}

    def watch(self, endpoints: Sequence[Endpoint]) -> None:
        """Start counting these endpoints' instances, from the requests for them on."""
        for endpoint in endpoints:
            self.read_so_far[endpoint.name] = [(endpoint.asked_at, ASKED_FOR)]
        # A daemon: at its exit Python would wait for any other thread, even one that hangs.
        self.thread = threading.Thread(target=self._go_on_reading, name="instance-counts", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self.thread:
            self.thread.join(LAST_READING_SECONDS)

    def read(self) -> None:
        """Read each endpoint's count once."""
        for name, counts in self.read_so_far.items():
            try:
                count = read_count(name, before=counts[-1][1])
                counts.append((self.clock(), count))
            except Exception as exc:  # whatever it is: counting must not fail the run
                self._note(name, visible(str(exc) or type(exc).__name__))

    def _note(self, name: str, fault: str) -> None:
        if name not in self.faults:
            self.faults[name] = fault
            self.warn(f"the instances of {name} could not be counted, will go on trying: {fault}")

    def _go_on_reading(self) -> None:
        self.read()
        while not self.stopping.wait(READING_SECONDS):
            self.read()


def read_count(endpoint_name: str, before: int = ASKED_FOR) -> int:
    """The number of the endpoint's instances that bill now; 0 once it is gone."""
    try:
        return billed_count(describe(endpoint_name), before)
    except NotFoundError:
        return 0


def billed_count(described: Mapping[str, Any], before: int = ASKED_FOR) -> int:
    """The number of instances that bill, from DescribeEndpoint's answer; `before` is the previous count.

    An endpoint may not show its instances yet while Creating, and no longer while Deleting; they bill anyway.
    """
    variants = described.get("ProductionVariants", ())
    count: int = sum(max(v.get("CurrentInstanceCount", 0), v.get("DesiredInstanceCount", 0)) for v in variants)
    if described["EndpointStatus"] == limits.CREATING:
        return max(count, ASKED_FOR)
    return before if described["EndpointStatus"] == limits.DELETING and not variants else count


@contextmanager
def instances_counted() -> Iterator[InstanceCounter]:
    """Yield a counter; enter it before the teardown's context, so that the last reading is of what that left."""
    counter = InstanceCounter(run_logger().warning)
    try:
        yield counter
    finally:
        counter.stop()
    counter.read()
