"""Leaves a stack alone beside busy processes, with schedules of a minute and a person who clicks: `make soak`.

Nobody may get a 5xx, no log may hold an error, every run must complete. The growth of Prefect's database and of the
reports is told for a year of nights with hourly sweeps, of which STYGIG_RETENTION_DAYS stay.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.stack import Stack, say, stack

SCHEDULE = [{"active": True, "schedule": {"interval": 60}}]
TROUBLE = re.compile(r"\b(ERROR|CRITICAL|Traceback|Exception|Error:)|database is locked| 50\d\b")
KEPT_DAYS, KEPT_BYTES = 90, 500_000_000
ENDED = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}}
BURN = "while True: pass"


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


def schedule(up: Stack, *deployments: str) -> None:
    """Have these deployments run every minute."""
    for found in up.server.post("deployments/filter", {"deployments": {"name": {"any_": list(deployments)}}}):
        up.server.post(f"deployments/{found['id']}/schedules", SCHEDULE)


def bytes_below(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def ended(up: Stack) -> Counter[tuple[str, str]]:
    """The runs that have ended, by flow and state."""
    runs = up.server.post("flow_runs/filter", {"flow_runs": ENDED, "limit": 200})
    return Counter((run["name"].partition("-")[0], run["state_name"]) for run in runs)


def errors_in_logs(folder: Path) -> list[str]:
    logs = [(path.name, path.read_text(errors="replace")) for path in sorted(folder.glob("*.log"))]
    return [f"{name}: {line}" for name, text in logs for line in text.splitlines() if TROUBLE.search(line)]


def settled_size(folder: Path) -> int:
    """The bytes of Prefect's database with what SQLite has not yet moved into it."""
    return bytes_below(folder / "prefect", "prefect.db*")


def run(up: Stack, folder: Path, seconds: float, clicks: int, chance: random.Random) -> int:
    """Let the stack run for so long; return 1 if anything was wrong."""
    before, began = settled_size(up.folder), time.monotonic()
    schedule(up, "sweep", "nightly")
    with api(up) as server:
        person = Person(server, chance)
        for number in range(clicks):
            person.click()
            time.sleep(max(0.0, began + seconds * (number + 1) / clicks - time.monotonic()))
    runs, errors = ended(up), errors_in_logs(up.folder)
    grown, reports = settled_size(up.folder) - before, bytes_below(folder / "reports", "*")
    nights = sum(count for (_, state), count in runs.items() if state == "Completed")
    year = KEPT_DAYS * (grown / max(1, nights) * 25 + reports / max(1, len(list((folder / "reports").iterdir()))))
    say(f"{time.monotonic() - began:.0f} s, {clicks} clicks, answers {dict(person.answered)}, runs {dict(runs)}")
    say(f"a year, {KEPT_DAYS} days of it kept: at most {year / 1e6:.0f} MB")
    for line in (*person.refused, *errors[:40]):
        say(line)
    failed = {state for _, state in runs} - {"Completed", "Cancelled"}
    return int(bool(person.refused or errors or failed or not nights or year > KEPT_BYTES))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--busy", type=int, default=2, help="processes that burn beside it")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    asked = parser.parse_args()
    say(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory(prefix="stygig-soak-") as scratch, stack(Path(scratch)) as up:
        (Path(scratch) / "reports").mkdir(exist_ok=True)
        with busy(asked.busy):
            return run(up, Path(scratch), asked.minutes * 60, asked.clicks, random.Random(asked.seed))


if __name__ == "__main__":
    sys.exit(main())
