"""The outcomes of tests, read from the report that `pytest --junitxml` writes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

Outcomes = Mapping[str, frozenset[str]]
"""The outcomes of each test's cases, by `tests/FILE.py::test_name`: passed, failed, error, skipped, xfail."""


def read_outcomes(report: Path) -> Outcomes:
    found: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = str(case.get("name")).partition("[")[0]
        test = f"{str(case.get('classname')).replace('.', '/')}.py::{name}"
        found.setdefault(test, set()).add(_outcome(case))
    return {test: frozenset(outcomes) for test, outcomes in found.items()}


def _outcome(case: ElementTree.Element) -> str:
    """The outcome of a case, which may have two: passed, and an error when its fixtures were taken down."""
    told = {child.tag: child.get("type", "") for child in case}
    if "failure" in told or "error" in told:
        return "failed" if "failure" in told else "error"
    if "skipped" in told:
        return "xfail" if told["skipped"] == "pytest.xfail" else "skipped"
    return "passed"


def not_passed(tests: Iterable[str], outcomes: Outcomes) -> list[str]:
    """The tests of which not every case ran and passed, with their outcomes."""
    ended = {test: outcomes.get(test, frozenset({"not run"})) for test in tests}
    return [f"{test}: {', '.join(sorted(how - {'passed'}))}" for test, how in ended.items() if how != {"passed"}]
