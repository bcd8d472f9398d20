"""`make down`: the flow runs end first, then the services."""

import time
from contextlib import suppress
from typing import Any

import httpx

from stygig.stack.schedules import PrefectServer
from stygig.stack.service import DRAIN_SECONDS
from stygig.stack.services import Stack, say


def down(stack: Stack) -> None:
    """End the services that `up` started, after the flow runs, which need them; cancel runs that take long."""
    if stack.worker.running() and stack.prefect.running():
        _finish_runs(PrefectServer(stack.api_url, stack.auth()))
    for service in (stack.worker, stack.prefect, stack.aws):
        if service.running():
            say(f"ending {service.name}")
        service.stop()


def _finish_runs(server: PrefectServer) -> None:
    started, cancelled = time.monotonic(), False
    while runs := _running(server):
        waited = time.monotonic() - started
        if int(waited) % 30 == 0:
            say(f"{len(runs)} runs are in hand; they have {DRAIN_SECONDS:.0f} s to end, then they are cancelled")
        if waited > DRAIN_SECONDS and not cancelled:
            cancelled = True
            _cancel(server, runs)
        if waited > 2 * DRAIN_SECONDS:
            say(f"{len(runs)} runs would not end; `stygig sweep` cleans up after them")
            return
        time.sleep(1)


def _cancel(server: PrefectServer, runs: list[dict[str, Any]]) -> None:
    for run in runs:
        with suppress(httpx.HTTPError):  # it may have ended meanwhile; if it hasn't, the wait goes on and says so
            # not CANCELLED: only CANCELLING makes the worker end the run's process
            server.post(f"flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLING"}})


def _running(server: PrefectServer) -> list[dict[str, Any]]:
    try:
        wanted = {"state": {"type": {"any_": ["RUNNING", "PENDING", "CANCELLING"]}}}
        found: list[dict[str, Any]] = server.post("flow_runs/filter", {"flow_runs": wanted})
    except httpx.HTTPError as exc:
        say(f"the Prefect server can't be asked for runs in hand: {exc}")
        return []
    return found
