"""/opt/ml/model: where handlers written for AWS look for their model data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws import LocalAws, Options
from localaws.container import opt_ml_model
from tests.deployments.localaws.cloud import BUCKET, Cloud, archive, eventually

OPENS = """
def model_fn(model_dir): return open("/opt/ml/model/weights.txt").read()
def transform_fn(model, body, content_type, accept): return model, "text/plain"
"""
IMPORTS = """
import sys
sys.path.append("/opt/ml/model")
from shirts import colour
def model_fn(model_dir): return colour.NAME
def transform_fn(model, body, content_type, accept): return model, "text/plain"
"""
LOOKS = """
import json, os, subprocess, sys, tempfile
def model_fn(model_dir): return model_dir
def attempt(work):
    try: work()
    except OSError as exc: return type(exc).__name__
    return "done"
def transform_fn(model, body, content_type, accept):
    changes = [
        attempt(lambda: open("/opt/ml/model/new", "w")),
        attempt(lambda: os.chmod("/opt/ml/model/weights.txt", 0o666)),
        attempt(lambda: os.remove("/opt/ml/model/weights.txt")),
        attempt(lambda: tempfile.NamedTemporaryFile()),
    ]
    child = subprocess.run(["ls", "/opt/ml/model"], capture_output=True, text=True).stdout.split()
    others = sorted(set(os.listdir("/opt")) - {"ml"})
    return json.dumps([changes, child, others, sys.prefix]), "application/json"
"""
ASKS_LATE = """
def model_fn(model_dir): return None
def transform_fn(model, body, content_type, accept): return open("/opt/ml/model/weights.txt").read()
"""
IMPORTS_LATE = """
import sys
sys.path.append("/opt/ml/model/")
def model_fn(model_dir): print("loaded")
def transform_fn(model, body, content_type, accept):
    import shirts
"""
FILES = {"weights.txt": "w", "shirts/__init__.py": "", "shirts/colour.py": "NAME = 'navy'"}
TRIES = "import sys; from localaws.container import opt_ml_model; print(opt_ml_model.mount(sys.argv[1]) or 'mounted')"

# Stands for a process started by an unprivileged user: setuid cleared its dumpable flag, which prctl sets again.
WITHOUT_RIGHTS = """
import ctypes, os, sys
from localaws.container import __main__, opt_ml_model
os.setgroups([]), os.setgid(65534), os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1)
why_not = opt_ml_model.mount(sys.argv[1])
__main__._obey_read_only_modes()
try: open(os.path.join(sys.argv[1], "weights.txt"), "a")
except PermissionError as exc: print(why_not or open("/opt/ml/model/weights.txt").read(), exc.strerror, os.getuid())
"""


def mounts(folder: Path) -> str:
    """The outcome of mounting the folder in a process of its own: `mounted`, or the reason why not."""
    return subprocess.check_output([sys.executable, "-c", TRIES, str(folder)], text=True).strip()


@pytest.fixture
def mounting(cloud: Cloud, tmp_path: Path) -> Cloud:
    (tmp_path / "model").mkdir()
    if (why_not := mounts(tmp_path / "model")) != "mounted":
        pytest.skip(f"this machine gives a process no mounts of its own: {why_not}")
    return cloud


@pytest.fixture
def unmounted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud on a machine whose workers have no mounts of their own."""
    with LocalAws(options=Options(opt_ml_model=False)) as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.reset()
        cloud = Cloud(aws)
        cloud.s3.create_bucket(Bucket=BUCKET)
        yield cloud


def deploy(cloud: Cloud, handler: str, status: str = "InService") -> dict[str, Any]:
    cloud.model()
    cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({"code/inference.py": handler, **FILES}))
    cloud.config()
    cloud.endpoint(status=None)
    return cloud.gives_up() if status == "Failed" else cloud.settle(status=status)


def answer(cloud: Cloud) -> str:
    return str(cloud.runtime.invoke_endpoint(EndpointName="endpoint", Body=b"")["Body"].read().decode())


@pytest.mark.parametrize(("handler", "expected"), [(OPENS, "w"), (IMPORTS, "navy")])
def test_a_handler_finds_the_archive_at_opt_ml_model(mounting: Cloud, handler: str, expected: str) -> None:
    deploy(mounting, handler)
    assert answer(mounting) == expected


def test_the_folder_is_read_only_and_all_else_is_as_it_was(mounting: Cloud) -> None:
    deploy(mounting, LOOKS)
    changes, child, others, prefix = json.loads(answer(mounting))
    assert changes == ["OSError", "OSError", "OSError", "done"]
    assert child == ["code", "shirts", "weights.txt"]
    assert others == sorted(set(os.listdir("/opt")) - {"ml"})
    assert prefix == sys.prefix


def test_each_worker_has_its_own_and_none_is_seen_outside(mounting: Cloud) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    deploy(mounting, OPENS)
    mounting.model("other")
    other = archive({"code/inference.py": OPENS, "weights.txt": "other"})
    mounting.s3.put_object(Bucket=BUCKET, Key="other.tar.gz", Body=other)
    mounting.config("other", "other")
    mounting.endpoint("other", "other")
    assert answer(mounting) == "w"
    assert mounting.runtime.invoke_endpoint(EndpointName="other", Body=b"")["Body"].read() == b"other"
    assert Path("/proc/self/mountinfo").read_text() == before
    mounting.delete()
    mounting.delete("other")
    assert [path for path in mounting.aws.run_directory.iterdir() if path.is_dir()] == []


def test_a_worker_that_is_started_again_finds_it_too(mounting: Cloud) -> None:
    deploy(mounting, OPENS)
    [pid] = mounting.aws.worker_pids()
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: mounting.aws.journal.entries("instance.crashed") or None)
    assert answer(mounting) == "w"


def test_a_handler_that_looks_there_in_vain_fails_the_endpoint_with_the_path_and_the_limit(unmounted: Cloud) -> None:
    reason = deploy(unmounted, OPENS, "Failed")["FailureReason"]
    assert reason.startswith("The primary container for production variant AllTraffic did not pass the ping health")
    assert "The handler names /opt/ml/model, where AWS has the model data. Here they are at " in reason
    assert reason.endswith("a worker could not be given mounts of its own (it was switched off).")
    assert any(line.startswith("localaws: The handler names /opt/ml/model") for line in unmounted.log_lines())


def test_one_that_looks_there_only_when_it_is_asked_says_so_in_its_log(unmounted: Cloud) -> None:
    deploy(unmounted, ASKS_LATE)
    with pytest.raises(ClientError, match=r"No such file or directory: '/opt/ml/model/weights\.txt'"):
        answer(unmounted)
    eventually(lambda: any("The handler names /opt/ml/model" in line for line in unmounted.log_lines()) or None)


@pytest.mark.parametrize("found", ["append", "insert"])
def test_an_import_from_there_in_vain_fails_the_endpoint_with_the_path_and_the_limit(
    unmounted: Cloud, found: str
) -> None:
    handler = IMPORTS if found == "append" else IMPORTS.replace("append(", "insert(0, ")
    reason = deploy(unmounted, handler, "Failed")["FailureReason"]
    assert "The handler names /opt/ml/model, where AWS has the model data. Here they are at " in reason
    assert reason.endswith("a worker could not be given mounts of its own (it was switched off).")
    assert any(line.startswith("localaws: The handler names /opt/ml/model") for line in unmounted.log_lines())


def test_an_import_from_there_when_it_is_asked_says_so_in_its_log(unmounted: Cloud) -> None:
    deploy(unmounted, IMPORTS_LATE)
    with pytest.raises(ClientError, match="No module named 'shirts'"):
        answer(unmounted)
    eventually(lambda: any("The handler names /opt/ml/model" in line for line in unmounted.log_lines()) or None)


def test_an_import_from_elsewhere_says_nothing_of_it(unmounted: Cloud) -> None:
    reason = deploy(unmounted, "import shirts\ndef model_fn(model_dir): return None", "Failed")["FailureReason"]
    assert "/opt/ml/model" not in reason


def test_other_errors_say_nothing_of_it(unmounted: Cloud) -> None:
    reason = deploy(unmounted, "def model_fn(model_dir): raise RuntimeError('no weights')", "Failed")["FailureReason"]
    assert "/opt/ml/model" not in reason
    assert opt_ml_model.note("FileNotFoundError: /opt/ml/model/weights.txt", "/tmp/model", None) is None


def test_where_the_mount_fails_the_reason_is_told(tmp_path: Path) -> None:
    said = mounts(tmp_path / "nothing")
    assert said != "mounted"
    assert "No such file or directory" in said or "not permitted" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here runs without rights")
def test_a_user_without_rights_has_it_in_a_user_namespace_and_gains_no_other_right() -> None:
    with tempfile.TemporaryDirectory() as home:
        model = Path(home) / "model"
        model.mkdir()
        (model / "weights.txt").write_text("w")
        for path in (Path(home), model, model / "weights.txt"):
            os.chown(path, 65534, 65534)
        (model / "weights.txt").chmod(0o444)
        said = subprocess.check_output([sys.executable, "-c", WITHOUT_RIGHTS, str(model)], text=True).strip()
    if "unshare" in said:
        pytest.skip(f"this machine allows no unprivileged user namespaces: {said}")
    assert said == "w Permission denied 65534"
