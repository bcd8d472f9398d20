"""`make up` as it stands: its schedules come, its runs start by themselves, nobody else gets in, its logs are clean."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stygig.stack.schedules import PrefectServer, next_runs
from stygig.stack.service import Service, StackError
from stygig.stack.services import Stack
from stygig.stack.starting import drop_late_runs, prepared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
TROUBLE = re.compile(r"\b(ERROR|CRITICAL|Traceback|Exception|Error:)")


@dataclass(frozen=True)
class Up:
    """A stack that runs, and what `up` said of it."""

    folder: Path
    environment: dict[str, str]
    said: str

    @property
    def server(self) -> PrefectServer:
        auth = (self.folder / "prefect-auth").read_text().strip()
        return PrefectServer(f"http://127.0.0.1:{self.environment['STYGIG_PREFECT_PORT']}/api", auth)

    def command(self, name: str) -> "subprocess.CompletedProcess[str]":
        asked = [sys.executable, "-m", "stygig.stack", name]
        return subprocess.run(asked, env=self.environment, capture_output=True, text=True, check=False)

    def deployment(self, name: str) -> dict[str, Any]:
        (found,) = self.server.post("deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return dict(found)

    def runs(self, deployment: str, **state: Any) -> list[dict[str, Any]]:
        wanted = {"deployment_id": {"any_": [self.deployment(deployment)["id"]]}, "state": state}
        found: list[dict[str, Any]] = self.server.post("flow_runs/filter", {"flow_runs": wanted})
        return found


def free_port() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("run") / "private"
    ports = {"STYGIG_PREFECT_PORT": free_port(), "STYGIG_AWS_PORT": free_port(), "STYGIG_RUN_FOLDER": str(folder)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STYGIG_", "PREFECT_"))}
    stack = Up(folder, kept | ports, "")
    done = stack.command("up")
    assert done.returncode == 0, done.stderr
    yield Up(folder, kept | ports, done.stderr)
    done = stack.command("down")
    assert done.returncode == 0, done.stderr
    assert not list(folder.glob("*.pid"))


def eventually(look: Callable[[], Any]) -> Any:
    """What comes, however long a busy machine takes; the test's own limit ends a wait for nothing."""
    while not (found := look()):
        time.sleep(0.5)
    return found


def test_every_schedule_has_its_next_run_and_up_says_when(up: Up) -> None:
    found = {each.deployment: each.at for each in next_runs(up.server, "stygig")}
    assert set(found) == {"nightly", "sweep"}
    for name, at in found.items():
        assert at
        assert f"next {name}: {at:%Y-%m-%d %H:%M} UTC" in up.said
    assert (found["nightly"].hour, found["nightly"].minute) == (3, 0)
    assert found["sweep"].minute == 17


def test_a_schedule_of_seconds_really_starts_and_ends_runs(up: Up) -> None:
    schedule = [{"active": True, "schedule": {"interval": 5}}]
    made = up.server.post(f"deployments/{up.deployment('sweep')['id']}/schedules", schedule)

    def by_itself() -> list[dict[str, Any]]:
        """Not the sweep that `up` asks for."""
        ended = up.runs("sweep", type={"any_": ["COMPLETED", "FAILED", "CRASHED"]})
        return [run for run in ended if run["auto_scheduled"]]

    (run, *_) = eventually(by_itself)
    assert run["state_name"] == "Completed"
    url = f"{up.server.api_url}/deployments/{up.deployment('sweep')['id']}/schedules/{made[0]['id']}"
    user, _, password = up.server.auth.partition(":")
    with httpx.Client(trust_env=False, auth=(user, password)) as client:
        eventually(lambda: client.delete(url).is_success)  # SQLite may be locked for a moment: 503


def test_a_run_that_crashed_is_followed_by_a_sweep(up: Up) -> None:
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
    nightly = up.deployment("nightly")["id"]
    run = up.server.post(f"deployments/{nightly}/create_flow_run", {"state": later, "tags": ["makes-resources"]})
    before = {each["id"] for each in up.runs("sweep")}
    up.server.post(f"flow_runs/{run['id']}/set_state", {"state": {"type": "CRASHED"}, "force": True})

    def triggered() -> list[dict[str, Any]]:
        new = [each for each in up.runs("sweep", type={"any_": ["COMPLETED"]}) if each["id"] not in before]
        return [each for each in new if not each["auto_scheduled"]]

    (sweep, *_) = eventually(triggered)
    assert sweep["created_by"]["type"] == "AUTOMATION"


POISON = {"name": "poison", "flow_id": "00000000-0000-0000-0000-000000000000", "job_variables": {"command": "touch /x"}}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_a_web_page_of_another_origin_gets_nowhere(up: Up, origin: str) -> None:
    """A posted deployment could name a command that the worker would run."""
    url, headers = f"{up.server.api_url}/deployments/", {"Origin": origin}
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with httpx.Client(trust_env=False) as client:
        assert client.post(url, json=POISON, headers=headers).status_code == 401
        asked = client.options(url, headers=headers | preflight)
        assert asked.status_code == 400
        assert "access-control-allow-origin" not in asked.headers
        assert client.get(up.server.api_url + "/admin/version").status_code == 401


def test_its_files_are_its_users_alone(up: Up) -> None:
    assert stat.S_IMODE(up.folder.stat().st_mode) == 0o700
    for path in up.folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_what_runs_already_is_left_alone(up: Up) -> None:
    before = {file.name: file.read_text() for file in up.folder.glob("*.pid")}
    again = up.command("up")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("runs already") == 3
    assert {file.name: file.read_text() for file in up.folder.glob("*.pid")} == before


def test_runs_that_were_planned_while_nothing_ran_are_dropped(up: Up) -> None:
    late = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2026-01-01T00:00:00Z"}}
    # Of no deployment, so that the worker, which runs here and not at `up`, takes none of them in between.
    content = {"flow_id": up.deployment("package")["flow_id"], "state": late, "tags": ["auto-scheduled"]}
    made = [up.server.post("flow_runs/", content)["id"] for _ in range(3)]
    wanted = {"flow_runs": {"id": {"any_": made}}}
    assert len(up.server.post("flow_runs/filter", wanted)) == 3
    drop_late_runs(up.server)
    assert up.server.post("flow_runs/filter", wanted) == []


TWO_AT_ONCE = """
import asyncio, sys
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from stygig.stack.prefect_server import begin_immediately

async def add(database, engine):
    session = await database.session(engine)
    async with session, database.begin_transaction(session):
        await session.execute(sa.text("SELECT count(*) FROM t"))
        await asyncio.sleep(0.3)
        await session.execute(sa.text("INSERT INTO t VALUES (1)"))

async def main(url, how):
    if how == "immediate":
        begin_immediately()
    database = AioSqliteConfiguration(connection_url=url, timeout=60)
    engine = await database.engine()
    async with engine.connect() as connection:
        await connection.execute(sa.text("CREATE TABLE IF NOT EXISTS t (x)"))
        await connection.execute(sa.text("DELETE FROM t"))
    await asyncio.gather(add(database, engine), add(database, engine))
    async with engine.connect() as connection:
        print((await connection.execute(sa.text("SELECT count(*) FROM t"))).scalar())

asyncio.run(main(*sys.argv[1:]))
"""


def test_transactions_that_read_first_and_write_later_wait_for_each_other(tmp_path: Path) -> None:
    """Prefect's own, begun deferred, fail at once."""
    program = tmp_path / "two_at_once.py"
    program.write_text(TWO_AT_ONCE)
    url = f"sqlite+aiosqlite:///{tmp_path / 'a.db'}"
    prefects, ours = (
        subprocess.run([sys.executable, program, url, how], capture_output=True, text=True, check=False)
        for how in ("deferred", "immediate")
    )
    assert "database is locked" in prefects.stderr
    assert (ours.returncode, ours.stdout) == (0, "2\n"), ours.stderr


def test_a_shell_that_knows_no_ports_finds_the_stack_of_its_checkout(up: Up) -> None:
    elsewhere = {name: value for name, value in up.environment.items() if not name.endswith("_PORT")}
    done = Up(up.folder, elsewhere, "").command("up")
    assert done.returncode == 0, done.stderr
    assert "aws runs already" in done.stderr
    assert f"http://127.0.0.1:{up.environment['STYGIG_PREFECT_PORT']}/deployments" in done.stderr
    assert f"--port {up.environment['STYGIG_AWS_PORT']})" in done.stderr


def test_after_all_that_no_log_tells_of_trouble(up: Up) -> None:
    for log in up.folder.glob("*.log"):
        lines = log.read_text().splitlines()
        assert not [line for line in lines if TROUBLE.search(line)], log.read_text()[-3000:]


def test_a_port_that_is_taken_is_named_before_anything_starts(up: Up, tmp_path: Path) -> None:
    taken = up.environment | {"STYGIG_RUN_FOLDER": str(tmp_path / "other")}
    done = Up(tmp_path, taken, "").command("up")
    assert done.returncode == 3
    assert f"can't listen on port {up.environment['STYGIG_AWS_PORT']}" in done.stderr
    assert not list((tmp_path / "other").glob("*.pid"))


def test_if_something_does_not_start_what_was_started_is_ended_again(up: Up, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    (folder / "prefect").mkdir(parents=True)
    (folder / "prefect" / "prefect.db").write_text("this is no database, and Prefect will say so")
    ports = {"STYGIG_PREFECT_PORT": free_port(), "STYGIG_AWS_PORT": free_port(), "STYGIG_RUN_FOLDER": str(folder)}
    done = Up(folder, up.environment | ports, "").command("up")
    assert done.returncode == 3, done.stderr
    assert "prefect ended at once" in done.stderr
    assert "ending aws again" in done.stderr
    assert not list(folder.glob("*.pid"))


def test_a_stack_keeps_its_ports_and_takes_free_ones_where_they_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STYGIG_RUN_FOLDER", str(tmp_path))
    with closing(socket.create_server(("127.0.0.1", 0))) as somebody:
        taken = str(somebody.getsockname()[1])
        (tmp_path / "ports").write_text(json.dumps({"prefect": taken, "aws": free_port()}))
        found = prepared(Stack.here())
    assert found.prefect_port != taken
    assert Stack.here() == found


@pytest.mark.parametrize("written", ["", "{", "[]", '{"prefect": null, "aws": 1}'])
def test_a_cut_file_of_ports_counts_as_none(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYGIG_RUN_FOLDER", str(tmp_path))
    (tmp_path / "ports").write_text(written)
    assert (Stack.here().prefect_port, Stack.here().aws_port) == ("4200", "4577")


@pytest.mark.parametrize("written", ["", "12", "x y", "1 12"])
def test_a_cut_file_of_a_process_counts_as_not_running(written: str, tmp_path: Path) -> None:
    service = Service("aws", ("true",), tmp_path)
    service.pid_file.write_text(written)
    assert service.running() is None
    service.stop()
    assert not service.pid_file.exists()


def test_prefect_understands_the_retention(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import Settings

    monkeypatch.setenv("STYGIG_RETENTION_DAYS", "30")
    for name, value in Stack(tmp_path).server_settings().items():
        monkeypatch.setenv(name, value)
    vacuum = Settings().server.services.db_vacuum
    assert vacuum.enabled == {"events", "flow_runs"}
    assert vacuum.retention_period.days == 30


def test_one_port_for_both_is_refused_and_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    for name, value in {"RUN_FOLDER": str(tmp_path), "AWS_PORT": port, "PREFECT_PORT": port}.items():
        monkeypatch.setenv(f"STYGIG_{name}", value)
    with pytest.raises(StackError, match=f"are both {port}"):
        prepared(Stack.here())
    assert not (tmp_path / "ports").exists()
