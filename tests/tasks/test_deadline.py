"""One limit per wait: it backs off, it stops, it says how long it waited. No test sleeps."""

import itertools

import pytest

from tasks.deadline import Silence
from tasks.errors import DeadlineExceededError, ServiceUnreachableError
from tests.tasks.deployed import Clock


def test_the_first_look_comes_before_any_pause() -> None:
    clock = Clock()
    assert next(clock.deadline(60).polls()) == 1
    assert clock.sleeps == []


def test_attempts_are_counted_until_the_limit_has_passed() -> None:
    clock = Clock()
    deadline = clock.deadline(30)
    attempts = list(deadline.polls())
    assert attempts == list(range(1, len(attempts) + 1))
    assert deadline.expired


def test_a_wait_ends_at_its_limit_and_not_later() -> None:
    clock = Clock()
    list(clock.deadline(30).polls())
    assert sum(clock.sleeps) == pytest.approx(30)


def test_there_is_a_last_look_when_the_limit_has_passed() -> None:
    clock = Clock()
    deadline = clock.deadline(5)
    looked_at = [deadline.elapsed_seconds for _ in deadline.polls()]
    assert looked_at[-1] == pytest.approx(5)


def test_an_expired_deadline_still_allows_one_look() -> None:
    assert list(Clock().deadline(0).polls()) == [1]


def test_pauses_grow_within_their_jitter_up_to_the_longest() -> None:
    clock, expected = Clock(), 0.2
    list(clock.deadline(200).polls(first_seconds=0.2, longest_seconds=10))
    for pause in clock.sleeps[:-1]:
        assert 0.8 * expected <= pause <= min(1.2 * expected, 10)
        expected = min(expected * 1.5, 10)
    assert len(clock.sleeps) < 40


def test_no_pause_is_longer_than_a_signal_may_wait() -> None:
    clock = Clock()
    list(clock.deadline(5000).polls())
    assert max(clock.sleeps) <= 10


def test_two_waits_do_not_poll_in_step() -> None:
    first, second = Clock(), Clock()
    for clock in (first, second):
        list(itertools.islice(clock.deadline(1000).polls(), 10))
    assert first.sleeps != second.sleeps


def test_remaining_time_never_goes_below_zero() -> None:
    clock = Clock()
    deadline = clock.deadline(10)
    clock.now += 4
    assert (deadline.elapsed_seconds, deadline.remaining_seconds) == (4, 6)
    clock.now += 40
    assert (deadline.remaining_seconds, deadline.expired) == (0, True)


def test_giving_up_says_elapsed_limit_what_was_found_and_what_to_do() -> None:
    clock = Clock()
    deadline = clock.deadline(60)
    clock.now += 61
    error = deadline.exceeded("stygig-async-1 to be InService", "Creating", "Allow more.")
    assert isinstance(error, DeadlineExceededError)
    assert str(error) == (
        "Gave up waiting for stygig-async-1 to be InService after 61 s of 60 s: Creating. Allow more."
    )


def test_a_silence_is_borne_for_two_minutes_and_then_told_as_what_it_is() -> None:
    time = iter([0.0, 0.0, 119.0, 121.0])
    silence = Silence(lambda: next(time))
    for _ in range(2):
        with silence.borne():
            raise ServiceUnreachableError("no answer")
    with pytest.raises(ServiceUnreachableError, match="no answer"), silence.borne():
        raise ServiceUnreachableError("no answer")


def test_an_answer_ends_a_silence() -> None:
    time = iter([0.0, 0.0, 200.0, 200.0])
    silence = Silence(lambda: next(time))
    with silence.borne():
        raise ServiceUnreachableError("no answer")
    silence.broken()
    with silence.borne():
        raise ServiceUnreachableError("no answer")
