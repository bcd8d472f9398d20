"""Nothing is left when a flow's process is killed, or its run cancelled, while the process that started it is alive."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.states import Cancelling

from tasks.resources.inventory import existing

REPOSITORY = Path(__file__).parents[2]


def until(look: Callable[[], object]) -> None:
    """Wait for as long as it takes: other processes do the work, and pytest ends a test that hangs."""
    while not look():
        time.sleep(0.1)


@pytest.fixture
def runner(prefect_backend: str, local_aws: object, tmp_path: Path) -> "Iterator[subprocess.Popen[bytes]]":
    log = tmp_path / "runner.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(REPOSITORY / "tests/flows/serve_nightly.py")],
            cwd=REPOSITORY,
            env=os.environ | {"PREFECT_API_URL": prefect_backend, "PREFECT_RUNNER_POLL_FREQUENCY": "1"},
            stdout=output,
            stderr=output,
        )
    yield process
    process.terminate()
    process.wait()


def deployed() -> bool:
    with get_client(sync_client=True) as client:
        return any(d.name == "killed" for d in client.read_deployments())


def process_below(runner_pid: int) -> int | None:
    """The process in which the flow runs: the runner spawns one per run."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            spawned = b"spawn_main" in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == runner_pid and spawned:
            return int(folder.name)
    return None


def left(run: FlowRun) -> list[str]:
    buckets = [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
    return [resource.kind for bucket in buckets for resource in existing(bucket, str(run.id)).resources]


def ended(run: FlowRun) -> str:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run.id).state
    return state.name or "" if state and state.is_final() else ""


def in_the_middle(drawn_catalogue: Path) -> FlowRun:
    """A run whose endpoints exist."""
    until(deployed)
    run = run_deployment("nightly-validation/killed", parameters={"catalogue": str(drawn_catalogue)}, timeout=0)
    assert isinstance(run, FlowRun)
    until(lambda: left(run).count("endpoint") == 2)
    return run


def test_after_sigkill_a_hook_in_a_new_process_leaves_nothing(
    runner: "subprocess.Popen[bytes]", drawn_catalogue: Path, tmp_path: Path
) -> None:
    run = in_the_middle(drawn_catalogue)
    pid = process_below(runner.pid)
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: left(run) == [])
    until(lambda: ended(run) == "Crashed")
    assert "left something: tearing down" in (tmp_path / "runner.log").read_text()


def test_a_cancelled_run_leaves_nothing(runner: "subprocess.Popen[bytes]", drawn_catalogue: Path) -> None:
    run = in_the_middle(drawn_catalogue)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run.id, Cancelling())
    until(lambda: ended(run) == "Cancelled")
    assert left(run) == []
