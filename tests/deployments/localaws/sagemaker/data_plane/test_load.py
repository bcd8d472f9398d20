"""The benchmark under faults, scaled down: its measurements must hold for sixty invocations as for ten thousand."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from benchmarks import localaws_load
from benchmarks.server_process import Server
from localaws import LocalAws

T = TypeVar("T")


class ThisProcess(Server):
    """The tests' own embedded AWS."""

    pid = os.getpid()

    def __init__(self, aws: LocalAws) -> None:
        self._aws = aws

    def call(self, work: Callable[..., T], *arguments: Any) -> T:
        return work(self._aws, *arguments)


def test_under_faults_the_journal_balances_and_every_caller_has_one_answer(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "KILL_EVERY_SECONDS": 0.4,
        "LISTENERS": 1,
        "QUIET_SECONDS": 0,
        "TRIMMED_WITHIN_SECONDS": 0,
    }.items():
        monkeypatch.setattr(localaws_load, name, value)
    balance, answered, _ = localaws_load.load(ThisProcess(aws), invocations=60)
    assert (balance.ours, balance.ratio) == (68, 1)
    assert (answered.ours, answered.ratio) == (68, 1)
