"""Threads that can be counted and waited for, so that stopping leaves none behind."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from localaws.journal import Journal

Result = TypeVar("Result")
Task = tuple[Callable[..., None], tuple[Any, ...]]
MOST_IDLE = 16


class ThreadGroup:
    """The daemon threads of one embedded AWS. Exceptions in a thread go to the journal as `thread.error`."""

    def __init__(self, journal: Journal) -> None:
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._idle: list[queue.SimpleQueue[Task | None]] = []
        self._ending = False
        self._journal = journal

    def spawn(self, name: str, work: Callable[..., None], *args: Any) -> threading.Thread:
        """Start the work on a thread of its own."""
        thread = threading.Thread(target=self._run, args=(name, work, args), name=f"localaws-{name}", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()
        return thread

    def run_soon(self, work: Callable[..., None], *args: Any) -> None:
        """Do short work on an idle thread, or on a new one if none is idle."""
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = queue.SimpleQueue()
            self.spawn("work", self._do_tasks, inbox)
        inbox.put((work, args))

    def join(self, real_seconds: float) -> list[str]:
        """Wait for every thread to end; return the names of those that have not."""
        deadline = time.monotonic() + real_seconds
        self._end_idle()
        for thread in self._alive():
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in self._alive()]

    def _alive(self) -> list[threading.Thread]:
        with self._lock:
            threads = list(self._threads)
        return [thread for thread in threads if thread is not threading.current_thread() and thread.is_alive()]

    def _do_tasks(self, inbox: queue.SimpleQueue[Task | None]) -> None:
        while (task := inbox.get()) is not None:
            work, args = task
            work(*args)
            # Python would keep the work's objects alive in these names while the thread is idle.
            del task, work, args
            with self._lock:
                if self._ending or len(self._idle) >= MOST_IDLE:
                    return
                self._idle.append(inbox)

    def _end_idle(self) -> None:
        with self._lock:
            self._ending = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)

    def _run(self, name: str, work: Callable[..., None], args: tuple[Any, ...]) -> None:
        try:
            work(*args)
        except Exception as exc:
            self._journal.record("thread.error", thread=name, error=repr(exc))
            raise
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())


class Spawner:
    """A single thread that starts every worker process.

    Linux sends a child its parent-death signal when the *thread* that started it ends, so that thread must live as
    long as this process.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="localaws-spawner", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], Result]) -> Result:
        """Do the work on the spawner's thread and return its result."""
        future: Future[Result] = Future()
        self._work.put((work, future))
        return future.result()

    def close(self) -> None:
        """End the thread, and with it every process that it started and that still runs."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            work, future = item
            try:
                future.set_result(work())
            except BaseException as exc:  # handed to the caller, who waits for it
                future.set_exception(exc)
