"""The verdict on a run: every check that it had to pass, and the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.exchange.content import Words
from tasks.verdict.comparison import RequestComparison, words_of

NAMED_REQUESTS = 10
ANSWERS_AGREE = "answers agree"
NOT_ASKED = "not asked"
Word = Literal["PASS", "FAIL", "CAN'T BE COMPARED"]


@dataclass(frozen=True)
class Check:
    """One thing that the run had to show, with what was expected and what was found; `passed` is None if not asked."""

    name: str
    passed: bool | None
    expected: str
    found: str


@dataclass(frozen=True)
class Verdict:
    """The night's verdict, the reasons, and every check behind it.

    A run whose baseline disagrees with itself so that nothing can be compared has not passed, and has not failed.
    """

    passed: bool
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    incomparable: bool = False

    @property
    def word(self) -> Word:
        if self.incomparable:
            return "CAN'T BE COMPARED"
        return "PASS" if self.passed else "FAIL"


def judge(comparisons: Sequence[RequestComparison], extra_checks: Sequence[Check] = ()) -> Verdict:
    """Judge the run: it passes if all answers agree and every check passed. Either way the verdict has reasons."""
    words = words_of(comparisons)
    checks = (_answers_agree(comparisons, words), *extra_checks)
    failing = [check for check in checks if check.passed is False]
    failed = tuple(reason for check in failing for reason in _failure_reasons(check, comparisons, words))
    noise = tuple(_noise_reasons(comparisons, words))
    if failed:
        return Verdict(False, (*failed, *noise), checks)
    if any(comparison.incomparable for comparison in comparisons):
        return Verdict(False, noise, checks, incomparable=True)
    apart = [each.largest_difference for each in comparisons if each.largest_difference is not None]
    numbers = f"; the {words.largest} is {max(apart):.2g}" if apart else ""
    same = f"{words.count(len(comparisons))} got {words.same} from both endpoints{numbers}"
    return Verdict(True, (same, *noise), checks)


def _answers_agree(comparisons: Sequence[RequestComparison], words: Words) -> Check:
    agreeing = sum(comparison.agrees for comparison in comparisons)
    contradicted = not comparisons or any(each.differs or each.empty for each in comparisons)
    passed = agreeing == len(comparisons) if contradicted or agreeing == len(comparisons) else None
    expected = f"{words.count(len(comparisons))} agree" if comparisons else f"at least one {words.noun} compared"
    return Check(ANSWERS_AGREE, passed and bool(comparisons), expected, _found(comparisons, words))


def _found(comparisons: Sequence[RequestComparison], words: Words) -> str:
    if not comparisons:
        return f"no {words.noun}s were compared"
    agreeing, differing, empty, incomparable = (
        sum(getattr(each, name) for each in comparisons) for name in ("agrees", "differs", "empty", "incomparable")
    )
    without = f", {empty} {words.without}" if empty else ""
    noisy = f", {incomparable} can't be compared" if incomparable else ""
    return f"{agreeing} agree, {differing} differ{without}{noisy}"


def _failure_reasons(check: Check, comparisons: Sequence[RequestComparison], words: Words) -> Iterator[str]:
    differing = [comparison for comparison in comparisons if comparison.differs]
    empty = [comparison.request for comparison in comparisons if comparison.empty]
    if check.name != ANSWERS_AGREE or not comparisons:
        yield f"{check.name}: expected {check.expected}, found {check.found}"
        return
    of = f"of {words.count(len(comparisons))}"
    if neither := [comparison for comparison in differing if comparison.neither]:
        said = neither[0].differences[0].baseline
        yield (
            f"neither endpoint's answer could be compared for {len(neither)} {of}: "
            f"{_named([each.request for each in neither])} (real-time {said})"
        )
    if differing := [comparison for comparison in differing if not comparison.neither]:
        yield f"answers differ for {len(differing)} {of}: {_named([each.request for each in differing])}"
    if empty:
        yield f"{words.empty} for {len(empty)} {of}, which proves nothing: {_named(empty)}"


def _noise_reasons(comparisons: Sequence[RequestComparison], words: Words) -> Iterator[str]:
    noisy = [comparison for comparison in comparisons if comparison.noise]
    if not noisy:
        return
    beyond = any(comparison.incomparable for comparison in comparisons)
    told = "can't be compared: the baseline" if beyond else "the baseline"
    all_agree = all(comparison.agrees for comparison in comparisons)
    within = "; the asynchronous answers lie within that" if all_agree else ""
    first = f"{noisy[0].request}, {noisy[0].noise}"
    yield f"{told} disagrees with itself in {len(noisy)} of {words.count(len(comparisons))}{within} ({first})"


def _named(requests: Sequence[str]) -> str:
    more = f" and {len(requests) - NAMED_REQUESTS} more" if len(requests) > NAMED_REQUESTS else ""
    return ", ".join(requests[:NAMED_REQUESTS]) + more
