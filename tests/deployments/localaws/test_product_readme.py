"""The examples of the product's README run as written."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.waiter import Waiter

from localaws import LocalAws, Options
from localaws.faults import Faults

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "deployments/localaws/README.md").read_text()
HANDLER, PROGRAM, TEST = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def environment() -> Iterator[None]:
    """Restore the environment, which the examples change for good as a user's program would."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_it_is_short_enough_to_be_read() -> None:
    assert len(PAGE.splitlines()) <= 150


def test_the_program_prints_what_the_model_answers(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sleep, wait = time.sleep, Waiter.wait
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds / 10))  # boto3's waiters sleep whole seconds

    def patient(waiter: Any, WaiterConfig: dict[str, int], **request: Any) -> None:  # noqa: N803 - boto3's
        wait(waiter, WaiterConfig={**WaiterConfig, "MaxAttempts": 10_000}, **request)

    monkeypatch.setattr(Waiter, "wait", patient)
    Path("inference.py").write_text(HANDLER)
    exec(compile(PROGRAM, "README.md", "exec"), {})
    assert capsys.readouterr().out == "42\n"


def test_the_test_passes(local_aws: LocalAws, local_aws_faults: Faults) -> None:
    names: dict[str, Any] = {}
    exec(compile(TEST, "README.md", "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    test(local_aws, local_aws_faults)


def test_every_option_file_and_command_it_names_exists() -> None:
    assert {name for name in Options.__dataclass_fields__ if f"{name}=" not in PAGE} == set()
    for path in re.findall(r"`((?:tests|deployments)/[\w/.-]+)`", PAGE):
        assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m (benchmarks\.\w+)", PAGE):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module
