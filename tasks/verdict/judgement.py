"""The verdict on a run: every check that it had to pass, and the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.verdict.comparison import PictureComparison

NAMED_PICTURES = 10


ANSWERS_AGREE = "answers agree"


@dataclass(frozen=True)
class Check:
    """One thing that the run had to show, with what was expected and what was found."""

    name: str
    passed: bool
    expected: str
    found: str


@dataclass(frozen=True)
class Verdict:
    """The night's verdict: pass or fail, the reasons, and every check behind it."""

    passed: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]


def judge(comparisons: Sequence[PictureComparison], extra_checks: Sequence[Check] = ()) -> Verdict:
    """Judge the run: it passes if every picture agrees and every check passed. Either way the verdict has reasons."""
    checks = (_answers_agree(comparisons), *extra_checks)
    failed = tuple(reason for check in checks if not check.passed for reason in _failure_reasons(check, comparisons))
    if failed:
        return Verdict(False, failed, checks)
    largest = max(comparison.max_score_difference or 0.0 for comparison in comparisons)
    same = f"{_pictures(len(comparisons))} got the same items in the same order from both endpoints; "
    return Verdict(True, (f"{same}the largest score difference is {largest:.2g}",), checks)


def _answers_agree(comparisons: Sequence[PictureComparison]) -> Check:
    agreeing = sum(comparison.agrees for comparison in comparisons)
    passed = bool(comparisons) and agreeing == len(comparisons)
    expected = f"{_pictures(len(comparisons))} agree" if comparisons else "at least one picture compared"
    return Check(ANSWERS_AGREE, passed, expected, _found(comparisons))


def _found(comparisons: Sequence[PictureComparison]) -> str:
    if not comparisons:
        return "no pictures were compared"
    agreeing = sum(comparison.agrees for comparison in comparisons)
    empty = sum(comparison.empty for comparison in comparisons)
    without = f", {empty} without any recommendation" if empty else ""
    return f"{agreeing} agree, {len(comparisons) - agreeing - empty} differ{without}"


def _failure_reasons(check: Check, comparisons: Sequence[PictureComparison]) -> Iterator[str]:
    differing = [comparison.picture for comparison in comparisons if comparison.differs]
    empty = [comparison.picture for comparison in comparisons if comparison.empty]
    if check.name != ANSWERS_AGREE or not comparisons:
        yield f"{check.name}: expected {check.expected}, found {check.found}"
        return
    of = f"of {_pictures(len(comparisons))}"
    if differing:
        yield f"answers differ for {len(differing)} {of}: {_named(differing)}"
    if empty:
        yield (f"neither endpoint recommended anything for {len(empty)} {of}, which proves nothing: {_named(empty)}")


def _named(pictures: Sequence[str]) -> str:
    more = f" and {len(pictures) - NAMED_PICTURES} more" if len(pictures) > NAMED_PICTURES else ""
    return ", ".join(pictures[:NAMED_PICTURES]) + more


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
