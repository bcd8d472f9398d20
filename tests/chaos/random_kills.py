"""Kills nightly runs at random moments, sweeps once, and checks that nothing is left: `make chaos`.

It brings up a stack of its own. Some runs are started by the worker, some by the plain command; some are killed with
everything that could clean up after them. The sweep must spare somebody else's resources and a run that is alive.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tasks.demo.garments import draw_catalogue
from tasks.resources.processes import start_time
from tests.chaos.bystanders import Bystanders
from tests.chaos.stack import Stack, say, stack

PHASES = (
    "preflight: role",
    "packaging: 52 pictures",
    "asked for real-time endpoint",
    "is InService",
    "queued 25 requests",
)
LATER = ("removed alarm", "removed endpoint")


@dataclass(frozen=True)
class Kind:
    """A way of killing a run; `by_worker` is true if the worker runs the flow, false if the plain command does."""

    name: str
    by_worker: bool
    signals: dict[str, int]
    """The number of the signal for each process, `flow` or `worker`."""


KINDS = {
    "worker and flow together": (10, Kind("worker and flow together", True, {"worker": 9, "flow": 9})),
    "flow alone": (5, Kind("flow alone", True, {"flow": 9})),
    "worker alone": (3, Kind("worker alone", True, {"worker": 9})),
    "flow, SIGTERM": (4, Kind("flow, SIGTERM", True, {"flow": 15})),
    "cancelled": (3, Kind("cancelled", True, {})),
    "command, SIGKILL": (10, Kind("command, SIGKILL", False, {"flow": 9})),
    "command, SIGHUP": (10, Kind("command, SIGHUP", False, {"flow": 1})),
    "command, SIGTERM": (3, Kind("command, SIGTERM", False, {"flow": 15})),
    "command, SIGINT": (2, Kind("command, SIGINT", False, {"flow": 2})),
}


def until(look: Callable[[], Any], what: str) -> Any:
    started = time.monotonic()
    while not (found := look()):
        if time.monotonic() - started > 1200:
            raise SystemExit(f"waited 20 minutes for {what}")
        time.sleep(0.1)
    return found


def flow_process_below(worker: int) -> int:
    """The id of the process in which the worker runs the flow."""
    below = psutil.Process(worker).children(recursive=True)
    return until(
        lambda: next((c.pid for c in below if c.is_running() and "prefect" in " ".join(c.cmdline())), 0), "flow"
    )


def kill_under_worker(up: Stack, kind: Kind, phase: str, catalogue: Path, chance: random.Random) -> str:
    before = len(up.log())
    run_id = up.start_by_worker(catalogue)
    until(lambda: phase in up.log()[before:] or up.state(run_id) in {"COMPLETED", "FAILED", "CRASHED"}, phase)
    time.sleep(chance.random())
    worker = up.pid("worker")
    flow = flow_process_below(worker)
    if not kind.signals:
        up.server.post(f"flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
    for name, number in kind.signals.items():
        os.kill(worker if name == "worker" else flow, number)
    if "worker" in kind.signals:
        if "flow" not in kind.signals:  # it goes on as an orphan
            until(lambda: start_time(flow) is None, "the orphan to end")
        up.up()
    else:
        until(lambda: up.state(run_id) in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}, "the run to end")
    return run_id


def kill_command(up: Stack, kind: Kind, phase: str, catalogue: Path, chance: random.Random, folder: Path) -> str:
    run = up.command(folder, "nightly", "--catalogue", str(catalogue), own_prefect=chance.random() < 0.4)
    assert run.stdout
    run_id = ""
    for line in run.stdout:
        if " - Run " in line:
            run_id = line.partition(" - Run ")[2].split()[0]
        if phase in line:
            break
    time.sleep(chance.random())
    os.kill(run.pid, kind.signals["flow"])
    run.communicate()
    return run_id


def inventory(up: Stack, folder: Path) -> list[dict[str, Any]]:
    out, _ = up.command(folder, "inventory", "--json", own_prefect=False).communicate()
    return list(json.loads(out)["inventory"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the 50 kills; at least one of each kind")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    kills = [kind for count, kind in KINDS.values() for _ in range(max(1, round(count * asked.share)))]
    chance.shuffle(kills)
    say(f"seed {asked.seed}, {len(kills)} kills")
    with tempfile.TemporaryDirectory(prefix="stygig-chaos-") as scratch, stack(Path(scratch)) as up:
        os.environ.update(up.exports)
        return judge(up, Path(scratch), kills, chance)


def judge(up: Stack, folder: Path, kills: list[Kind], chance: random.Random) -> int:
    catalogue = folder / "catalogue"
    draw_catalogue(catalogue, items=52)
    bystanders = Bystanders.made()
    killed: dict[str, str] = {}
    for number, kind in enumerate(kills, 1):
        phase = chance.choice((*PHASES, *LATER))
        started = time.monotonic()
        if kind.by_worker:
            run_id = kill_under_worker(up, kind, phase, catalogue, chance)
        else:
            run_id = kill_command(up, kind, phase, catalogue, chance, folder)
        killed[run_id] = kind.name
        left = sum(each["run_id"] == run_id for each in inventory(up, folder))
        say(f"{number:2} {kind.name:26} at {phase!r:32} left {left:2}  ({time.monotonic() - started:.0f} s)")
    live = up.command(folder, "nightly", "--catalogue", str(catalogue), own_prefect=True)
    assert live.stdout
    next(line for line in live.stdout if "is InService" in line)
    live.send_signal(signal.SIGSTOP)
    before = inventory(up, folder)
    swept, _ = up.command(folder, "sweep", "--ignore-expiry", own_prefect=True).communicate()
    say(swept[-1500:])
    after = inventory(up, folder)
    live.send_signal(signal.SIGCONT)
    said, _ = live.communicate()
    left = Counter(killed[each["run_id"]] for each in after if each["run_id"] in killed)
    dirty = {each["run_id"] for each in before} & set(killed)
    say(f"before the sweep {len(dirty)} of {len(killed)} runs had left something; after it: {dict(left) or 'none'}")
    say(f"the live run: exit {live.returncode}; bystanders: {bystanders.changed() or 'untouched'}")
    final = inventory(up, folder)
    say(f"in the end: {final or 'nothing of ours exists'}")
    if live.returncode:
        say(said[-2000:])
    return int(bool(left or final or live.returncode or bystanders.changed()))


if __name__ == "__main__":
    sys.exit(main())
