from datetime import timedelta

import pytest

from tasks.report import quantities


@pytest.mark.parametrize(
    ("duration_ms", "words"),
    [
        (0, "0.00 ms"),
        (0.42, "0.42 ms"),
        (0.996, "1.0 ms"),
        (4.12, "4.1 ms"),
        (9.97, "10 ms"),
        (61.4, "61 ms"),
        (999.6, "1.00 s"),
        (2400, "2.40 s"),
        (59_996, "1 min 0 s"),
        (250_000, "4 min 10 s"),
    ],
)
def test_milliseconds_take_their_natural_unit(duration_ms: float, words: str) -> None:
    assert quantities.milliseconds(duration_ms) == words


@pytest.mark.parametrize(
    ("duration_seconds", "words"), [(12.34, "12.3 s"), (59.97, "1 min 0 s"), (250, "4 min 10 s"), (3900, "1 h 5 min")]
)
def test_seconds_take_their_natural_unit(duration_seconds: float, words: str) -> None:
    assert quantities.seconds(duration_seconds) == words
    assert quantities.elapsed(timedelta(seconds=duration_seconds)) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "$0.00"),
        (82.8, "$82.80"),
        (1234.5, "$1,234.50"),
        (0.9951, "$1.00"),
        (0.0681, "$0.068"),
        (0.00042, "$0.00042"),
        (0.0000042, "under $0.0001"),
        (-3.5, "-$3.50"),
    ],
)
def test_money_has_the_decimals_it_needs(amount: float, words: str) -> None:
    assert quantities.usd(amount) == words


def test_equal_scores_differ_by_nothing() -> None:
    assert quantities.score_difference(0.0) == "0"
    assert quantities.score_difference(2.14e-7) == "2.1e-07"


def test_nouns_follow_their_number() -> None:
    assert quantities.count(1, "picture") == "1 picture"
    assert quantities.count(1200, "picture") == "1,200 pictures"
    assert quantities.share(0.7897) == "79.0 %"
