"""Which embedded AWS a thread works for: moto's state is the process's, but clocks, journals and URLs are not."""

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
    """One embedded AWS as moto's services see it."""

    hosting: Hosting
    state: State
    url: Callable[[], str]
    webhooks: WebHooks

    def start(self) -> None:
        """Makes it the one that speaks for work of no request."""
        _running.append(self)

    def stop(self) -> None:
        """Ends what it has under way; nobody is directed to it any more."""
        if self in _running:
            _running.remove(self)
        self.webhooks.close()

    def enter(self, _call: object = None) -> None:
        """Makes it the one that this thread works for."""
        _thread.serving = self


def current() -> Serving | None:
    """The embedded AWS whose request this thread answers, else the one that was started last."""
    running = list(_running)
    own: Serving | None = getattr(_thread, "serving", None)
    if own is not None and own in running:
        return own
    return running[-1] if running else None
