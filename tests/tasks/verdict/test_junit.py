"""The verdict as JUnit's XML: a case for every check and request, failures with what differs."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from tasks.exchange.tolerance import Tolerance
from tasks.verdict.comparison import compare_answers
from tasks.verdict.judgement import Check
from tasks.verdict.junit import render_junit
from tests.tasks.answers import ITEMS, answer

NIGHT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CHECKS = (Check("one", True, "a", "a"), Check("two", False, "<b>", "c\x00"), Check("three", None, "d", "not asked"))


def test_every_check_and_request_is_a_case() -> None:
    baseline = [answer("1.jpg"), answer("2.jpg"), answer("3.jpg")]
    other_query = answer("2.jpg", category="upperwear_jacket")
    again = [answer("1.jpg"), answer("2.jpg"), answer("3.jpg", items=(ITEMS[2], *ITEMS[:2]))]
    other = answer("3.jpg", items=(*ITEMS[1:], ITEMS[0]))
    compared = compare_answers(baseline, [baseline[0], other_query, other], Tolerance(), [again])
    text = render_junit("Night", NIGHT, CHECKS, compared, {"1.jpg": 1500.0})
    checks, requests = ET.fromstring(text)
    assert [suite.get("failures") for suite in (checks, requests)] == ["1", "1"]
    assert [suite.get("skipped") for suite in (checks, requests)] == ["1", "1"]
    assert [case.get("name") for case in requests] == ["1.jpg", "2.jpg", "3.jpg"]
    assert requests[0].get("time") == "1.500"
    failure = requests[1].find("failure")
    assert failure is not None
    assert failure.get("message") == "query category: real-time upperwear_shirt, asynchronous upperwear_jacket"
    skipped = requests[2].find("skipped")
    assert skipped is not None
    assert "can't be compared" in str(skipped.get("message"))
