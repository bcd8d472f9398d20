"""SNS's web hooks: posts from separate threads, retried by the delivery policy on the compressible clock."""

from __future__ import annotations

import base64
import contextlib
import heapq
import http.client
import itertools
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from localaws.clock import LOOK_AGAIN_REAL_SECONDS, SHORTEST_REAL_SECONDS, Clock
from localaws.journal import Journal
from localaws.threads import ThreadGroup

ATTEMPT_SECONDS = 15.0
# The least that an attempt gets however compressed the clock is, because a web hook works in real time.
MIN_ATTEMPT_REAL_SECONDS = 1.0
CONNECT_REAL_SECONDS = 5.0
SENDERS_PER_SUBSCRIPTION = 4
KEPT_PER_SUBSCRIPTION = 10_000


@dataclass(frozen=True)
class Post:
    """A message for one web hook, with its retry delays in AWS seconds and the action after the last failure."""

    subscription: Any
    kind: str
    message_id: str
    body: str
    headers: dict[str, str]
    delays: list[float]
    give_up: Callable[[str], None]

    @property
    def is_wanted(self) -> bool:
        """True if the post still has a receiver; without a subscription, only an UnsubscribeConfirmation has one."""
        backend = self.subscription.topic.sns_backend
        return self.kind == "UnsubscribeConfirmation" or self.subscription.arn in backend.subscriptions


class RefusedError(Exception):
    """A web hook's refusal of a message; a permanent one is not retried."""

    def __init__(self, reason: str, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


@dataclass(frozen=True, order=True)
class _Due:
    # The heap orders these by time; numbers are unique, so that it never compares the posts.
    at: float
    number: int
    attempt: int
    post: Post


class WebHooks:
    """The posts of one embedded AWS that are being sent or wait for their next attempt."""

    def __init__(self, clock: Clock, journal: Journal, threads: ThreadGroup, closing: threading.Event) -> None:
        self._clock = clock
        self._journal = journal
        self._threads = threads
        self._closing = closing
        self._changed = threading.Condition()
        self._waiting: dict[str, list[_Due]] = {}
        self._senders: Counter[str] = Counter()
        self._open: set[http.client.HTTPConnection] = set()
        self._numbers = itertools.count()

    def post(self, post: Post) -> None:
        """Send a post soon, from another thread."""
        self._add(_Due(self._clock.now(), next(self._numbers), 0, post))

    def forget(self) -> None:
        """Drop the waiting posts."""
        with self._changed:
            for waiting in self._waiting.values():
                waiting.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Drop the waiting posts, and end every attempt in progress."""
        self.forget()
        with self._changed:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                # Only shutdown() wakes a thread that is blocked in reading; on Linux close() does not.
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def _add(self, due: _Due) -> None:
        arn = due.post.subscription.arn
        with self._changed:
            if self._closing.is_set():
                return
            waiting = self._waiting.setdefault(arn, [])
            full = len(waiting) >= KEPT_PER_SUBSCRIPTION
            if not full:
                heapq.heappush(waiting, due)
            more = not full and self._senders[arn] < SENDERS_PER_SUBSCRIPTION
            self._senders[arn] += more
            self._changed.notify_all()
        if full:
            due.post.give_up(f"{KEPT_PER_SUBSCRIPTION} messages wait for this subscriber already")
        if more:
            self._threads.spawn("webhook", self._send_due, arn)

    def _send_due(self, arn: str) -> None:
        while (due := self._next(arn)) is not None:
            if due.post.is_wanted:
                self._attempt(due)

    def _next(self, arn: str) -> _Due | None:
        with self._changed:
            while not self._closing.is_set() and (waiting := self._waiting[arn]):
                pause = self._clock.real_seconds(waiting[0].at - self._clock.now())
                if pause <= 0:
                    return heapq.heappop(waiting)
                self._changed.wait(min(max(pause, SHORTEST_REAL_SECONDS), LOOK_AGAIN_REAL_SECONDS))
            self._senders[arn] -= 1
            if not self._senders[arn]:
                del self._senders[arn], self._waiting[arn]
            return None

    def _attempt(self, due: _Due) -> None:
        post, reason, permanent = due.post, "", False
        try:
            self._send(post)
        except RefusedError as exc:
            reason, permanent = str(exc), exc.permanent
        except (OSError, ValueError, http.client.HTTPException) as exc:
            reason = f"{type(exc).__name__}: {exc}"
        self._journal.record(
            "sns.posted",
            type=post.kind,
            subscription=post.subscription.arn,
            message_id=post.message_id,
            attempt=due.attempt + 1,
            failure=reason,
        )
        if not reason or not post.is_wanted:
            return
        if permanent or due.attempt >= len(post.delays):
            post.give_up(reason)
        else:
            at = self._clock.now() + post.delays[due.attempt]
            self._add(_Due(at, next(self._numbers), due.attempt + 1, post))

    def _send(self, post: Post) -> None:
        limit = max(MIN_ATTEMPT_REAL_SECONDS, self._clock.real_seconds(ATTEMPT_SECONDS))
        connection, path, headers = _connection(post.subscription.endpoint, min(limit, CONNECT_REAL_SECONDS))
        with self._changed:
            self._open.add(connection)
        try:
            connection.connect()
            connection.sock.settimeout(limit)
            connection.request("POST", path, post.body.encode(), {**headers, **post.headers})
            status = connection.getresponse().status
        finally:
            connection.close()
            with self._changed:
                self._open.discard(connection)
        # SNS does not retry client errors, except for throttling (429).
        if not 200 <= status < 300:
            raise RefusedError(f"HTTP {status}", permanent=300 <= status < 500 and status != 429)


def _connection(url: str, real_seconds: float) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    parts = urlsplit(url)
    if parts.hostname is None:
        raise RefusedError(f"{url} names no host", permanent=True)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=real_seconds, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=real_seconds)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {}
    if parts.username is not None:
        secret = base64.b64encode(f"{parts.username}:{parts.password or ''}".encode()).decode()
        headers["Authorization"] = f"Basic {secret}"
    return connection, path, headers
