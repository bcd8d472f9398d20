"""One time limit per wait, however many things the wait looks at, and patience with an AWS that is silent."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tasks.errors import DeadlineExceededError, ServiceUnreachableError

LONGEST_SILENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Deadline:
    """A point in monotonic time. `clock` and `sleep` are arguments so that tests don't have to wait."""

    limit_seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    started: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.started < 0:
            object.__setattr__(self, "started", self.clock())  # a frozen dataclass refuses a plain assignment

    @property
    def elapsed_seconds(self) -> float:
        return self.clock() - self.started

    @property
    def remaining_seconds(self) -> float:
        return max(0.0, self.limit_seconds - self.elapsed_seconds)

    @property
    def expired(self) -> bool:
        return self.remaining_seconds <= 0

    def polls(self, first_seconds: float = 0.2, longest_seconds: float = 10.0) -> Iterator[int]:
        """Yield attempt numbers 1, 2, … with a jittered, growing pause between them, until the deadline has passed.

        The pause stays at 10 s at most: a signal must not wait longer for the main thread.
        """
        attempt, pause = 0, first_seconds
        while True:
            attempt += 1
            yield attempt
            if self.expired:
                return
            jittered = pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            self.sleep(min(jittered, longest_seconds, self.remaining_seconds))
            pause = min(pause * 1.5, longest_seconds)

    def again(self, first_seconds: float, longest_seconds: float) -> "Deadline":
        """The next in a series of growing intervals, from now on: the first, then half as much again each time."""
        return Deadline(min(max(first_seconds, 1.5 * self.limit_seconds), longest_seconds), self.clock, self.sleep)

    def exceeded(self, waited_for: str, found: str, advice: str) -> DeadlineExceededError:
        return DeadlineExceededError(
            f"Gave up waiting for {waited_for} after {self.elapsed_seconds:.0f} s of {self.limit_seconds:.0f} s: "
            f"{found}. {advice}"
        )


@dataclass
class Silence:
    """AWS's silence during a wait: a connection that is lost for a minute must not cost a night."""

    clock: Callable[[], float] = time.monotonic
    since: float | None = None

    @contextmanager
    def borne(self) -> Iterator[None]:
        """Suppress ServiceUnreachableError until AWS has given no answer for LONGEST_SILENCE_SECONDS."""
        try:
            yield
        except ServiceUnreachableError:
            self.since = self.clock() if self.since is None else self.since
            if self.clock() - self.since >= LONGEST_SILENCE_SECONDS:
                raise

    def broken(self) -> None:
        """Begin anew: AWS has given an answer."""
        self.since = None
