"""Statistics and expressions, without a server."""

from __future__ import annotations

import math

import pytest

from localaws.services.cloudwatch.metric_math import LONGEST_EXPRESSION, Context, MathError, Series, evaluate
from localaws.services.cloudwatch.metric_store import Metric, MetricStore, Samples, UnsupportedStatisticError

A, B = {0.0: 4.0, 60.0: 6.0}, {0.0: 2.0, 120.0: 8.0}
METRICS = {"a": A, "b": B}


def calculated(expression: str) -> Series:
    return evaluate(expression, Context(METRICS.__getitem__, lambda: METRICS, [0.0, 60.0, 120.0], 60))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a", A),
        ("a * 2 - 1", {0: 7, 60: 11}),
        ("-(a + 1) / 5", {0: -1, 60: -1.4}),
        ("a ^ 2", {0: 16, 60: 36}),
        ("a / b", {0: 2}),
        ("b / (a - 4)", {}),
        ("a > 4", {0: 0, 60: 1}),
        ("a >= 4 AND NOT b == 2", {0: 0}),
        ("FILL(b, 0)", {0: 2, 60: 0, 120: 8}),
        ("FILL(b, REPEAT)", {0: 2, 60: 2, 120: 8}),
        ("FILL(b, LINEAR)", {0: 2, 60: 5, 120: 8}),
        ("FILL(a, b)", {0: 4, 60: 6, 120: 8}),
        ("IF(a > 5, a, 0)", {0: 0, 60: 6}),
        ("IF(a > 5, a)", {60: 6}),
        ("SUM([a, b])", {0: 6, 60: 6, 120: 8}),
        ("MAX(METRICS())", {0: 4, 60: 6, 120: 8}),
        ("AVG(METRICS('b'))", B),
        ("a / SUM(a)", {0: 0.4, 60: 0.6}),
        ("ABS(a - 5)", {0: 1, 60: 1}),
        ("MIN([a, b]) * PERIOD(a)", {0: 120, 60: 360, 120: 480}),
        ("RATE(b)", {120: 0.05}),
        ("DIFF(b)", {120: 6}),
        ("TIME_SERIES(3)", {0: 3, 60: 3, 120: 3}),
    ],
)
def test_an_expression_is_calculated_where_its_operands_have_datapoints(expression: str, expected: Series) -> None:
    assert calculated(expression) == pytest.approx(expected)


@pytest.mark.parametrize(
    "expression",
    [
        "a +",
        "SUM(a)",
        "1 + 1",
        "[a, b]",
        "a.b",
        "__import__('os')",
        "(lambda: a)()",
        "a[0]",
        "SEARCH('x', 'Sum', 60)",
        "a < b < a",
        "FILL(1, 0)",
        "True",
        "1 / 0 * a",
        "a" * (LONGEST_EXPRESSION + 1),
        "-" * 2000 + "a",
    ],
)
def test_what_is_no_metric_math_is_refused(expression: str) -> None:
    with pytest.raises(MathError):
        calculated(expression)


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("SampleCount", 100),
        ("Sum", 5050),
        ("Average", 50.5),
        ("Minimum", 1),
        ("Maximum", 100),
        ("p50", 50),
        ("p99", 99),
        ("p99.9", 100),
        ("p0", 1),
        ("tm90", 45.5),
    ],
)
def test_statistics_of_single_values(statistic: str, expected: float) -> None:
    assert Samples.of(range(1, 101)).statistic(statistic) == pytest.approx(expected)


def test_a_value_counts_as_often_as_it_was_put() -> None:
    samples = Samples()
    samples.add(1, weight=98)
    samples.add(5, weight=2)
    assert [samples.statistic(name) for name in ("p98", "p99", "Sum", "SampleCount")] == [1, 5, 108, 100]


def test_a_statistic_set_has_no_percentile_unless_all_its_values_are_one() -> None:
    samples = Samples()
    samples.add_set(count=4, total=10, minimum=1, maximum=4)
    assert (samples.statistic("Average"), samples.statistic("p50")) == (2.5, None)
    same = Samples()
    same.add_set(count=4, total=8, minimum=2, maximum=2)
    assert same.statistic("p50") == 2


@pytest.mark.parametrize("name", ["p101", "p", "pp9", "median", "tm", "p-1"])
def test_an_unknown_statistic_is_told(name: str) -> None:
    with pytest.raises(UnsupportedStatisticError, match=name):
        Samples.of([1]).statistic(name)


def test_the_store_sums_up_by_period_and_keeps_units_apart() -> None:
    store, metric = MetricStore(), Metric.of("N", "M", [{"Name": "a", "Value": "b"}])
    for instant in (59.0, 60.0, 61.5, 180.0):
        store.add(metric, "Count", instant, Samples.of([instant]))
    store.add(metric, "Seconds", 60.0, Samples.of([9]))
    sums = {began: each.total for began, each in store.by_period(metric, 60, 180, 60, "Count").items()}
    assert sums == {60: 121.5}
    assert store.by_period(metric, 60, 180, 60)[60].count == 3
    assert store.by_period(Metric.of("N", "M"), 0, math.inf, 60) == {}


def test_very_many_values_at_once_take_little_room_and_keep_sums_and_tails() -> None:
    store, metric = MetricStore(most_at_once=500), Metric.of("N", "M")
    for value in range(20_000):
        store.add(metric, "None", 60, Samples.of([value * 7919 % 20_000]))
    [samples] = store.by_period(metric, 0, 120, 60).values()
    assert len(samples.values) <= 500
    assert (samples.count, samples.total) == (20_000, sum(range(20_000)))
    assert samples.statistic("p99.9") == 19_979
    assert samples.statistic("p50") == pytest.approx(10_000, rel=0.02)


def test_the_store_forgets_what_is_too_old_or_too_many() -> None:
    store, metric = MetricStore(longest_seconds=100, most_samples=50, most_metrics=2), Metric.of("N", "M")
    for second in range(200):
        store.add(metric, "None", second, Samples.of([1.0]))
    assert sum(each.count for each in store.by_period(metric, 0, 1000, 60).values()) == 50
    store.add(metric, "None", 1000, Samples.of([1.0]))
    assert list(store.by_period(metric, 0, 2000, 60)) == [960]
    for name in "xyz":
        store.add(Metric.of("N", name), "None", 0, Samples.of([1.0]))
    assert [each.name for each in store.metrics()] == ["y", "z"]
