"""The verdict as JUnit's XML, which CI systems show: a case for every check and for every request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from xml.etree import ElementTree as ET  # only written here: nothing is parsed

from tasks.plain_text import visible
from tasks.verdict.comparison import RequestComparison
from tasks.verdict.judgement import Check

SHOWN_DIFFERENCES = 20
OFTEN_NOISY = "the baseline disagrees with itself there in most requests"


def render_junit(
    title: str,
    started_at: datetime,
    checks: Sequence[Check],
    comparisons: Sequence[RequestComparison],
    waits_ms: Mapping[str, float],
) -> str:
    """One test suite of checks, one of requests, each with the wait for its asynchronous answer.

    What can't be compared or was not asked is skipped.
    """
    suites = ET.Element("testsuites", name=f"stygig {title}")
    for name, cases in (("checks", list(_checks(checks))), ("requests", list(_requests(comparisons, waits_ms)))):
        suite = ET.SubElement(suites, "testsuite", name=name, tests=str(len(cases)))
        suite.set("timestamp", started_at.isoformat(timespec="seconds"))
        for attribute, tag in (("failures", "failure"), ("skipped", "skipped")):
            suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
        suite.set("errors", "0")
        suite.extend(cases)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _checks(checks: Sequence[Check]) -> Iterator[ET.Element]:
    for check in checks:
        case = ET.Element("testcase", classname="stygig.checks", name=visible(check.name), time="0")
        told = f"expected {check.expected}, found {check.found}"
        if check.passed is None:
            ET.SubElement(case, "skipped", message=visible(told))
        elif not check.passed:
            ET.SubElement(case, "failure", message=visible(told))
        yield case


def _requests(comparisons: Sequence[RequestComparison], waits_ms: Mapping[str, float]) -> Iterator[ET.Element]:
    for comparison in comparisons:
        took = f"{waits_ms.get(comparison.request, 0.0) / 1000:.3f}"
        case = ET.Element("testcase", classname="stygig.requests", name=visible(comparison.request), time=took)
        if comparison.incomparable:
            ET.SubElement(case, "skipped", message=visible(f"can't be compared: {comparison.noise or OFTEN_NOISY}"))
        elif not comparison.agrees:
            _add_failure(case, comparison)
        yield case


def _add_failure(case: ET.Element, comparison: RequestComparison) -> None:
    lines = [visible(str(difference)) for difference in comparison.differences[:SHOWN_DIFFERENCES]]
    failure = ET.SubElement(case, "failure", message=lines[0])
    failure.text = "\n".join(lines)
