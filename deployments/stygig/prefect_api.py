"""The Prefect API of a command: the one that is set, or a temporary server of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from stygig.temporary_server import TemporaryServer, temporary_server
from tasks.errors import ServiceUnreachableError
from tasks.settings import cache_folder, without_password

if TYPE_CHECKING:
    from prefect.settings import Settings

API_SECONDS = 10.0
"""The longest that a Prefect API which is set has for a first answer."""


@contextmanager
def prefect_api(own: bool) -> Iterator[Callable[[], None]]:
    """Yield a function that waits until the API answers, so that other things can start meanwhile.

    With `own` it is a temporary server whatever is set, and Prefect reads none of the user's settings.
    """
    if own:
        with temporary_server(cache_folder()) as server, ExitStack() as stack:
            with chdir(server.folder):  # whenever Prefect makes its settings, it reads .env and TOML files there
                stack.enter_context(_used(server))
            yield server.wait_until_healthy
        return
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        _refuse_dead(settings)
        yield lambda: None
        return
    with temporary_server(cache_folder()) as server, _used(server):
        yield server.wait_until_healthy


def _refuse_dead(settings: "Settings") -> None:
    """Raise ServiceUnreachableError unless the API answers, whatever it answers."""
    url = str(settings.api.url)
    try:
        with httpx.Client(timeout=API_SECONDS, verify=not settings.api.tls_insecure_skip_verify) as client:
            client.get(f"{url}/health")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as exc:  # a proxy may be set that is none
        raise ServiceUnreachableError(
            f"PREFECT_API_URL is {without_password(url)}, and nothing answers there: {exc}. Start that server, or "
            "unset it (environment, .env, `prefect config view`) to use a temporary one."
        ) from exc


@contextmanager
def _used(server: TemporaryServer) -> Iterator[None]:
    """Have this process's flows use the server."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    settings: dict[Any, Any] = {
        PREFECT_API_URL: server.url,
        PREFECT_API_AUTH_STRING: server.auth,
        # a flow's end would wait a second for its heartbeat thread; no environment variable turns that off
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    with temporary_settings(settings):
        try:
            yield
        finally:  # Prefect sends logs and events from threads, which need the server
            APILogWorker.drain_all(timeout=5)
            EventsWorker.drain_all(timeout=5)
