"""Leaves a stack alone beside busy processes, with schedules of a minute and a person who clicks: `make soak`.

Nobody may get a 5xx, no log may hold an error, every run must complete. Then it measures what a night and a sweep leave
on the disk, and tells what a year of them would hold.
"""

import argparse
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from localaws.cli.signals import signals_end_the_command
from tests.chaos.stack import Stack, say, stack

TROUBLE = re.compile(
    r"\b(ERROR|CRITICAL|Traceback|Fatal|Crashed)\b|(Error|Exception)\b:?|database is locked|HTTP/1\.1\" 5\d\d"
)
RECORDS_DAYS, EVENTS_DAYS = 90, 7
"""How long STYGIG_RETENTION_DAYS keeps runs and reports, and Prefect by itself the events of its feed."""
MOST_BYTES = 500_000_000
SIZES = "SELECT name LIKE '%event%', sum(pgsize) FROM dbstat GROUP BY 1"
OVER = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
ENDED = {"state": {"type": {"any_": sorted(OVER)}}}
BURN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n  for _ in range(10**6): pass"
ALL_ENDED_SECONDS = 600


@dataclass
class Person:
    """Somebody who looks at pages of Prefect's UI, which makes these calls, and starts, cancels and deletes runs."""

    server: httpx.Client
    chance: random.Random
    answered: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    def click(self) -> None:
        """Do one thing, of those that people do most of the time."""
        looks = (self.look_at_runs, self.look_at_a_run, self.look_at_deployments, self.look_at_events)
        self.chance.choice((*looks * 3, self.start, self.cancel_and_delete))()

    def look_at_runs(self) -> None:
        now = datetime.now(UTC)
        lately = {"after_": (now - timedelta(days=1)).isoformat(), "before_": now.isoformat()}
        self.ask("POST", "flow_runs/count", {"flow_runs": {"expected_start_time": lately}})
        self.ask("POST", "task_runs/count", {"task_runs": {"start_time": lately}})
        self.ask("POST", "flow_runs/paginate", {"page": 1, "limit": 100, "sort": "START_TIME_DESC"})
        self.ask("POST", "ui/flow_runs/history", {"flow_runs": {"start_time": lately}, "limit": 100})

    def look_at_a_run(self) -> None:
        runs = self.ask("POST", "flow_runs/filter", {"flow_runs": ENDED, "sort": "START_TIME_DESC", "limit": 1})
        for run in runs or []:
            self.ask("GET", f"flow_runs/{run['id']}/graph-v2")
            self.ask("POST", "logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "limit": 200})

    def look_at_deployments(self) -> None:
        self.ask("POST", "deployments/paginate", {"limit": 100})
        self.ask("POST", "work_pools/stygig/workers/filter", {"offset": 0})
        self.ask("POST", "artifacts/latest/filter", {"artifacts": {"key": {"exists_": True}}})

    def look_at_events(self) -> None:
        self.ask("POST", "events/filter", {"filter": {"any_resource": {"id_prefix": []}}})

    def start(self) -> Any:
        (sweep,) = self.ask("POST", "deployments/filter", {"deployments": {"name": {"any_": ["sweep"]}}})
        later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
        return self.ask("POST", f"deployments/{sweep['id']}/create_flow_run", {"state": later})

    def cancel_and_delete(self) -> None:
        run = self.start()
        self.ask("POST", f"flow_runs/{run['id']}/set_state", {"state": {"type": "CANCELLED"}})
        self.ask("DELETE", f"flow_runs/{run['id']}")

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        answer = self.server.request(method, f"/{path}", json=content)
        self.answered[str(answer.status_code)] += 1
        if not answer.is_success:
            self.refused.append(f"{answer.status_code} to {method} {path}: {answer.text[:200]}")
        return answer.json() if answer.content and answer.is_success else None


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep so many processors busy with other things."""
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(processes)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def api(up: Stack) -> httpx.Client:
    user, _, password = up.server.auth.partition(":")
    return httpx.Client(base_url=up.server.api_url, auth=(user, password), trust_env=False, timeout=300)


def schedule(up: Stack, every_seconds: int, *names: str) -> list[str]:
    """Have these deployments run so often; the schedules' paths in the API."""
    wanted = [{"active": True, "schedule": {"interval": every_seconds}}]
    deployments = up.server.post("deployments/filter", {"deployments": {"name": {"any_": list(names)}}})
    paths = [f"deployments/{each['id']}/schedules" for each in deployments]
    made = [f"{path}/{each['id']}" for path in paths for each in up.server.post(path, wanted)]
    for each in deployments:  # else the runs are planned when the scheduler comes round, in a minute
        up.server.post(f"deployments/{each['id']}/schedule", {})
    return made


def bytes_below(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def ended(up: Stack, *names: str) -> Counter[tuple[str, str]]:
    """The runs by deployment and state, once those that were due have ended."""
    deployments = up.server.post("deployments/filter", {"deployments": {"name": {"any_": list(names)}}})
    by_id = {each["id"]: each["name"] for each in deployments}
    due = {"deployment_id": {"any_": list(by_id)}, "expected_start_time": {"before_": datetime.now(UTC).isoformat()}}
    deadline = time.monotonic() + ALL_ENDED_SECONDS
    while True:
        runs = up.server.post("flow_runs/filter", {"flow_runs": due, "limit": 200})
        if all(run["state_type"] in OVER for run in runs) or time.monotonic() > deadline:
            return Counter((by_id[run["deployment_id"]], run["state_name"]) for run in runs)
        time.sleep(1)


def errors_in_logs(folder: Path) -> list[str]:
    logs = [(path.name, path.read_text(errors="replace")) for path in sorted(folder.glob("*.log"))]
    return [f"{name}: {line}" for name, text in logs for line in text.splitlines() if TROUBLE.search(line)]


@dataclass(frozen=True)
class Stored:
    """Bytes on the disk, by how long they stay."""

    records: float
    events: float

    def since(self, before: "Stored", runs: int) -> "Stored":
        """The growth for each of these runs."""
        return Stored((self.records - before.records) / runs, (self.events - before.events) / runs)


def stored(up: Stack, folder: Path) -> Stored:
    """What is stored by now: Prefect's database, the reports, the logs."""
    time.sleep(10)  # Prefect writes events in the background
    with closing(sqlite3.connect(f"file:{up.folder / 'prefect' / 'prefect.db'}?mode=ro", uri=True)) as database:
        sizes = dict(database.execute(SIZES).fetchall())
    return Stored(sizes[0] + bytes_below(folder / "reports", "*") + bytes_below(up.folder, "*.log"), sizes[1])


def growth(up: Stack, folder: Path, deployment: str, runs: int = 3) -> Stored:
    """What one run of the deployment leaves."""
    before = stored(up, folder)
    (found,) = up.server.post("deployments/filter", {"deployments": {"name": {"any_": [deployment]}}})
    for _ in range(runs):
        asked = up.server.post(f"deployments/{found['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
        while up.state(asked["id"]) not in OVER:
            time.sleep(0.5)
    return stored(up, folder).since(before, runs)


def a_year(up: Stack, folder: Path) -> float:
    """The bytes that a year of nights with hourly sweeps holds."""
    night, sweep = growth(up, folder, "nightly"), growth(up, folder, "sweep")
    say(f"a night leaves {night}, a sweep {sweep}")
    records, events = night.records + 24 * sweep.records, night.events + 24 * sweep.events
    return RECORDS_DAYS * records + EVENTS_DAYS * events


def run(up: Stack, seconds: float, clicks: int, every_seconds: int, chance: random.Random) -> int:
    """Let the stack run for so long; return 1 if anything was wrong."""
    began, schedules = time.monotonic(), schedule(up, every_seconds, "sweep", "nightly")
    with api(up) as server:
        person = Person(server, chance)
        for number in range(clicks):
            person.click()
            time.sleep(max(0.0, began + seconds * (number + 1) / clicks - time.monotonic()))
    for path in schedules:
        up.server.delete(path)
    runs, errors = ended(up, "sweep", "nightly"), errors_in_logs(up.folder)
    say(f"{time.monotonic() - began:.0f} s, {clicks} clicks, answers {dict(person.answered)}, runs {dict(runs)}")
    for line in (*person.refused, *errors[:40]):
        say(line)
    failed = {state for _, state in runs} - {"Completed", "Cancelled"}
    missing = {"sweep", "nightly"} - {name for name, state in runs if state == "Completed"}
    return int(bool(person.refused or errors or failed or missing))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--every", type=int, default=60, help="seconds between the runs of a schedule")
    parser.add_argument("--busy", type=int, default=2, help="processes that burn beside it")
    parser.add_argument("--year", action=argparse.BooleanOptionalAction, default=True, help="measure what a year holds")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    asked = parser.parse_args()
    say(f"seed {asked.seed}")
    with (
        signals_end_the_command(),
        tempfile.TemporaryDirectory(prefix="stygig-soak-") as scratch,
        stack(Path(scratch)) as up,
    ):
        (Path(scratch) / "reports").mkdir(exist_ok=True)
        with busy(asked.busy):
            status = run(up, asked.minutes * 60, asked.clicks, asked.every, random.Random(asked.seed))
        if asked.year:
            year = a_year(up, Path(scratch))
            say(f"a year holds {year / 1e6:.0f} MB")
            status |= int(year > MOST_BYTES)
        return status


if __name__ == "__main__":
    sys.exit(main())
