"""The states of alarms: the tables of CloudWatch's documentation and more, without a server."""

from __future__ import annotations

import pytest

from localaws.services.cloudwatch.alarm_evaluation import Datapoint, Rule, evaluate, reason

MISSING_DATA = ("missing", "ignore", "breaching", "notBreaching")


def window(drawn: str) -> list[Datapoint | None]:
    """The datapoints as drawn: X breaches, 0 does not, - is missing; the newest is last."""
    values = {"X": 2.0, "0": 0.0}
    return [Datapoint(60.0 * index, values[each]) if each in values else None for index, each in enumerate(drawn)]


def state(drawn: str, periods: int, needed: int, treated: str) -> str | None:
    return evaluate(Rule("GreaterThanThreshold", 1, periods, needed, treated), window(drawn)).state


@pytest.mark.parametrize(
    ("drawn", "states"),
    [
        ("0-X-X", ("OK", "OK", "OK", "OK")),
        ("0----", ("OK", "OK", "OK", "OK")),
        ("-----", ("INSUFFICIENT_DATA", None, "ALARM", "OK")),
        ("0XX-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("--X--", ("ALARM", None, "ALARM", "OK")),
        ("----X", (None, None, "ALARM", "OK")),
        ("00XXX", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("XXXX0", ("OK", "OK", "OK", "OK")),
    ],
)
def test_three_of_three(drawn: str, states: tuple[str | None, ...]) -> None:
    assert tuple(state(drawn, 3, 3, treated) for treated in MISSING_DATA) == states


@pytest.mark.parametrize(
    ("drawn", "states"),
    [
        ("0-X-X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("00X0X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        ("0-X--", ("OK", "OK", "ALARM", "OK")),
        ("----0", ("OK", "OK", "ALARM", "OK")),
        ("---X-", ("ALARM", None, "ALARM", "OK")),
    ],
)
def test_two_of_three(drawn: str, states: tuple[str | None, ...]) -> None:
    assert tuple(state(drawn, 3, 2, treated) for treated in MISSING_DATA) == states


@pytest.mark.parametrize(
    ("operator", "breaching"),
    [
        ("GreaterThanThreshold", (False, False, True)),
        ("GreaterThanOrEqualToThreshold", (False, True, True)),
        ("LessThanThreshold", (True, False, False)),
        ("LessThanOrEqualToThreshold", (True, True, False)),
    ],
)
def test_operators(operator: str, breaching: tuple[bool, ...]) -> None:
    assert tuple(Rule(operator, 1, 1, 1).breaches(value) for value in (0, 1, 2)) == breaching


@pytest.mark.parametrize(
    ("drawn", "needed", "treated", "previous", "text"),
    [
        (
            "00XX",
            2,
            "missing",
            "OK",
            "Threshold Crossed: 2 out of the last 2 datapoints [2.0 (01/01/70 00:03:00), 2.0 (01/01/70 00:02:00)] "
            "were greater than the threshold (1.0) (minimum 2 datapoints for OK -> ALARM transition).",
        ),
        (
            "XXX0",
            2,
            "missing",
            "ALARM",
            "Threshold Crossed: 1 out of the last 2 datapoints [0.0 (01/01/70 00:03:00)] was not greater than the "
            "threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        ("----", 2, "missing", "OK", "Insufficient Data: 2 datapoints were unknown."),
        (
            "----",
            2,
            "notBreaching",
            "ALARM",
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[NotBreaching].",
        ),
    ],
)
def test_the_reason_tells_the_datapoints(drawn: str, needed: int, treated: str, previous: str, text: str) -> None:
    rule = Rule("GreaterThanThreshold", 1.0, 2, needed, treated)
    assert reason(rule, evaluate(rule, window(drawn)), previous) == text
