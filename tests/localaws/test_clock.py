from __future__ import annotations

import pytest

from localaws import Clock


def test_a_compressed_clock_runs_faster_and_waits_shorter() -> None:
    clock = Clock(1000)
    before = clock.now()
    assert clock.real_seconds(60) == pytest.approx(0.06)
    while clock.now() - before < 60:
        pass
    assert clock.real_seconds(-1) == 0


def test_changing_the_rate_does_not_make_the_clock_jump() -> None:
    clock = Clock(1000)
    before = clock.now()
    clock.rate = 1
    assert 0 <= clock.now() - before < 100


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_is_not_above_zero_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Clock(rate)
