"""How many instances an endpoint had, from the request for it until it is gone: what its cost is worked out from.

An instance bills from its launch until it has gone, so that of the current and the desired count the larger one counts.
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
"""How long the end of a run waits for a reading that is under way."""
LONGEST_GAP = timedelta(seconds=60)
"""A count that was not read for longer is not called measured."""
ASKED_FOR = 1
"""What our endpoint configs ask for."""

Count = tuple[datetime, int]


@dataclass(frozen=True)
class InstanceCounts:
    """One endpoint's counts in order of time, each true until the next; the first is what was asked for, not read."""

    counts: tuple[Count, ...]
    fault: str = ""
    """The first failure to read it."""

    @property
    def readings(self) -> int:
        return len(self.counts) - 1

    def unread(self, until: datetime) -> str:
        """Why these are no measurement of all the time until then; empty if they are."""
        last, count = self.counts[-1]
        times = [time for time, _ in self.counts] + [until if count else last]  # what is gone stays gone
        gap = max(later - earlier for earlier, later in pairwise(times))
        if self.readings and gap <= LONGEST_GAP:
            return ""
        return self.fault or f"they were not read for {gap.total_seconds():.0f} s"


@dataclass
class InstanceCounter:
    """A thread that reads the counts until it is told to stop. What can't be read is said once, and fails no run."""

    warn: Callable[[str], None]
    clock: Callable[[], datetime] = now
    read_so_far: dict[str, list[Count]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def counts(self) -> Mapping[str, InstanceCounts]:
        """What was read so far, by the endpoint's name."""
        read = self.read_so_far.items()
        return {name: InstanceCounts(tuple(counts), self.faults.get(name, "")) for name, counts in read}

    def watch(self, endpoints: Sequence[Endpoint]) -> None:
        """Counts these endpoints' instances from the requests for them on."""
        for endpoint in endpoints:
            self.read_so_far[endpoint.name] = [(endpoint.asked_at, ASKED_FOR)]
        self.thread = threading.Thread(target=self._go_on_reading, name="instance-counts", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopping.set()
        if self.thread:
            self.thread.join(LAST_READING_SECONDS)

    def read(self) -> None:
        """One reading of each endpoint."""
        for name, counts in self.read_so_far.items():
            try:
                count = read_count(name, before=counts[-1][1])
                counts.append((self.clock(), count))
            except Exception as exc:  # whatever it is: a run must not fail by being watched
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
    """How many of the endpoint's instances bill now; none once it is gone."""
    try:
        return billed_count(describe(endpoint_name), before)
    except NotFoundError:
        return 0


def billed_count(described: Mapping[str, Any], before: int = ASKED_FOR) -> int:
    """The count in DescribeEndpoint's answer; `before` is the last one.

    An endpoint that is Creating may not show its instances yet, one that is Deleting no more: both have them.
    """
    variants = described.get("ProductionVariants", ())
    count: int = sum(max(v.get("CurrentInstanceCount", 0), v.get("DesiredInstanceCount", 0)) for v in variants)
    if described["EndpointStatus"] == limits.CREATING:
        return max(count, ASKED_FOR)
    return before if described["EndpointStatus"] == limits.DELETING and not variants else count


@contextmanager
def instances_counted() -> Iterator[InstanceCounter]:
    """Enter it before what tears down, so that the last reading is of what is left then."""
    counter = InstanceCounter(run_logger().warning)
    try:
        yield counter
    finally:
        counter.stop()
    counter.read()
