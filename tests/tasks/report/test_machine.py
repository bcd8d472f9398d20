"""The machine that a run was measured from."""

import os
import platform
import tomllib
from pathlib import Path

import psutil
import pytest

from localaws import LocalAws
from tasks.report import machine
from tasks.report.machine import Machine, this_machine
from tests.conftest import REPOSITORY


def test_a_run_says_on_what_and_against_whom_it_was_measured(local_aws: LocalAws) -> None:
    found = this_machine()
    assert found.service == local_aws.endpoint_url.removeprefix("http://")
    assert (found.platform, found.python) == (platform.platform(), platform.python_version())
    assert found.logical_cores == os.cpu_count()
    assert found.memory_bytes == psutil.virtual_memory().total
    assert found.stygig == tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]


def test_aws_is_named_by_its_own_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert this_machine().service == "api.sagemaker.eu-west-1.amazonaws.com"


def test_the_model_of_a_cpu_is_read_where_linux_tells_it(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nmodel name\t: EPYC 7R13: 2.6 GHz\nflags\t: fpu\n")
    assert machine._cpu_model(told) == "EPYC 7R13: 2.6 GHz"


def test_elsewhere_it_is_what_python_knows(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nCPU part\t: 0xd0c\n")
    assert machine._cpu_model(tmp_path / "cpuinfo") == machine._cpu_model(tmp_path / "absent") == platform.processor()


def test_a_machine_reads_as_one_line() -> None:
    made = Machine("Linux-6.1", "", 8, 2**34, "3.11.9", "0.1.0", "host")
    assert str(made) == "Linux-6.1; CPU of unknown model, 8 logical cores, 16.0 GiB memory"
