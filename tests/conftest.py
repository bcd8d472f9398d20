"""Fixtures that many tests share: a clean environment, one Prefect server per session, one small drawn catalogue."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import recommender as recommender  # before any test imports ONNX Runtime; its __init__.py says why

# Before anything imports Prefect: a flow run by a test that forgot the server must fail, not start one.
os.environ.update(
    PREFECT_SERVER_EPHEMERAL_ENABLED="false",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW="ignore",
    PREFECT_TASKS_REFRESH_CACHE="true",
    # Prefect's own timeouts are too short for a busy machine.
    PREFECT_API_REQUEST_TIMEOUT="900",
    PREFECT_SERVER_DATABASE_TIMEOUT="900",
    PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT="900",
)
from stygig.embedded import our_environment

if TYPE_CHECKING:
    from localaws import LocalAws

# A background job inherits SIGINT ignored, `nohup` SIGHUP: so would every program that a test starts and signals.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
OURS = ("AWS_", "STYGIG_")
REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the credentials, settings and folders of the user who runs the tests."""
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STYGIG_REPORTS", str(tmp_path / "reports"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # Any image but AWS's counts as having ONNX Runtime, so the artifacts go without 37 MB of wheels; test_wheels.py
    # makes one with them.
    monkeypatch.setenv("STYGIG_IMAGE_URI", "registry.example/serving:1")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The drawn catalogue and pictures are made once, and not in the user's home."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture
def local_aws(local_aws: "LocalAws", monkeypatch: pytest.MonkeyPatch) -> "LocalAws":
    """The emulator's own fixture, with its execution role in the setting where the project looks for it."""
    for name, value in our_environment(local_aws.environment()).items():
        monkeypatch.setenv(name, value)
    return local_aws


@pytest.fixture(scope="session")
def drawn_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four garments of each category."""
    from tasks.demo.garments import draw_catalogue

    folder = tmp_path_factory.mktemp("catalogue")
    draw_catalogue(folder, items=52)
    return folder


@pytest.fixture(scope="session")
def prefect_backend() -> Iterator[str]:
    """The URL of a Prefect API with a database of its own; heartbeats off, they cost a second per flow run."""
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=1800),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield str(PREFECT_API_URL.value())
