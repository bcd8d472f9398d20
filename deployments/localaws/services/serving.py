"""The embedded AWS that a thread works for: all share moto's state, but each has its own clock, journal and URL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localaws.sagemaker.hosting import Hosting
    from localaws.sagemaker.state import State
    from localaws.services.sns.web_hooks import WebHooks

_thread = threading.local()
_running: list[Serving] = []


@dataclass(frozen=True, eq=False)
class Serving:
    """One embedded AWS, as moto's services see it."""

    hosting: Hosting
    state: State
    url: Callable[[], str]
    webhooks: WebHooks

    def start(self) -> None:
        """Make this the embedded AWS for work that belongs to no request."""
        _running.append(self)

    def stop(self) -> None:
        """End its web hooks' posts, and no longer count it as running."""
        if self in _running:
            _running.remove(self)
        self.webhooks.close()

    def enter(self, _call: object = None) -> None:
        """Make this the embedded AWS that the current thread works for; the server calls it for every request."""
        _thread.serving = self


def current() -> Serving | None:
    """The embedded AWS whose request this thread answers, or else the one started last."""
    running = list(_running)
    own: Serving | None = getattr(_thread, "serving", None)
    if own is not None and own in running:
        return own
    return running[-1] if running else None
