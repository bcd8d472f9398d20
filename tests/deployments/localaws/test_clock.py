from __future__ import annotations

import threading

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


def test_time_can_be_moved_on_by_hand() -> None:
    clock = Clock(1e-6)
    before = clock.now()
    clock.advance(90)
    assert clock.now() - before == pytest.approx(90, abs=0.01)
    with pytest.raises(ValueError, match="only moves forwards"):
        clock.advance(-1)


def test_compressed_time_that_is_held_stands_and_goes_on_without_a_jump() -> None:
    clock = Clock(1_000_000)
    clock.hold_at(100)
    while clock.now() < 100:
        pass
    assert [clock.now() for _ in range(1000)] == [100] * 1000
    clock.hold_at(10_000)
    while clock.now() < 10_000:
        pass
    assert clock.now() == 10_000
    clock.rate = 1
    clock.advance(50)
    assert clock.now() > 10_049


def test_who_waits_sees_that_time_was_moved_on_or_that_the_event_came() -> None:
    clock, ended = Clock(1e-6), threading.Event()
    waits = [threading.Thread(target=clock.wait, args=(each, 60)) for each in (ended, threading.Event())]
    for wait in waits:
        wait.start()
    ended.set()
    waits[0].join()
    assert waits[1].is_alive()
    clock.advance(61)
    waits[1].join()
    assert clock.wait(ended, 0)
    assert not clock.wait(threading.Event(), 0)
