"""The comparison of the asynchronous endpoint's answers with the real-time one's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.exchange.content import ANY_WORDS, Difference, Tolerance, Words
from tasks.invoking.answer import Answer

UNANSWERED = "answer"
EMPTY = "content"
FAR = 10
"""So many times the baseline's own noise is no noise any more."""
ELSEWHERE = "in most other requests"
MOST_NOISY = 0.5
"""A baseline that disagrees with itself in a larger share of requests can't be compared with anything."""
Repeats = Sequence[Sequence[Answer]]
"""The baseline's further answers to the same requests, one sequence for each time that it was asked again."""


@dataclass(frozen=True)
class RequestComparison:
    """The comparison of the two answers to one request.

    `noise` says where the baseline disagrees with itself, empty if it doesn't or was asked once. `largest_difference`
    is None if there were no numbers to compare.
    """

    request: str
    agrees: bool
    differences: tuple[Difference, ...]
    largest_difference: float | None
    noise: str = ""
    words: Words = ANY_WORDS
    overlap: str = ""
    """How much two rankings that differ have in common, in a line."""
    far: bool = False
    """True if the difference is far beyond the noise, and counts."""

    @property
    def differs(self) -> bool:
        """True if the endpoints contradict each other."""
        return not self.agrees and not self.empty and not self.incomparable

    @property
    def incomparable(self) -> bool:
        """True if the answers differ where the baseline disagrees with itself, too."""
        return not self.agrees and bool(self.noise) and self.answered and not self.far

    @property
    def empty(self) -> bool:
        """True if neither endpoint said anything and nothing else differs, which proves nothing."""
        return [difference.field for difference in self.differences] == [EMPTY]

    @property
    def answered(self) -> bool:
        """True if both endpoints gave an answer, so that there was something to compare."""
        return not any(difference.field == UNANSWERED for difference in self.differences)


def compare(
    baseline: Answer, asynchronous: Answer, tolerance: Tolerance, again: Sequence[Answer] = ()
) -> RequestComparison:
    """Compare two answers; `again` has the baseline's further answers to the same request.

    A missing answer differs from everything, even from another missing answer. Two answers without content neither
    agree nor differ: they prove nothing. Where the baseline disagrees with itself, an answer agrees with any of the
    baseline's, numbers also within the distance that these are apart; it counts as another one if it is far from them.
    """
    if baseline.request != asynchronous.request:
        raise ValueError(f"answers to two requests were to be compared: {baseline.request}, {asynchronous.request}")
    first, second = baseline.response, asynchronous.response
    if first is None or second is None:
        difference = Difference(None, UNANSWERED, _described(baseline), _described(asynchronous))
        content = first or second
        words = content.words if content else ANY_WORDS
        return RequestComparison(baseline.request, False, (difference,), None, words=words)
    if type(first) is not type(second):
        difference = Difference(None, "kind of answer", first.kind, second.kind)
        return RequestComparison(baseline.request, False, (difference,), None, words=first.words)
    noise = tuple(_noise(baseline, again, tolerance))
    differences = _beyond(noise, baseline, asynchronous, tolerance, again)
    far = bool(noise) and _is_numeric(noise) and bool(_beyond(noise, baseline, asynchronous, tolerance, again, FAR))
    if not differences and first.proves_nothing and second.proves_nothing:
        differences = (Difference(None, EMPTY, "none at all", "none at all, which proves nothing"),)
    largest = first.largest_difference(second, tolerance)
    told = str(noise[0]) if noise else ""
    overlap = first.overlap(second) if differences else ""
    return RequestComparison(baseline.request, not differences, differences, largest, told, first.words, overlap, far)


def _noise(baseline: Answer, again: Sequence[Answer], tolerance: Tolerance) -> Iterator[Difference]:
    """Yield the differences of the baseline's answers among each other."""
    for other in again:
        if other.response is None or type(other.response) is not type(baseline.response):
            yield Difference(None, UNANSWERED, "answered", f"when asked again {_described(other)}")
        elif baseline.response is not None:
            yield from baseline.response.differences(other.response, tolerance)


def _beyond(
    noise: Sequence[Difference],
    baseline: Answer,
    asynchronous: Answer,
    tolerance: Tolerance,
    again: Sequence[Answer],
    times: int = 1,
) -> tuple[Difference, ...]:
    """The differences of the two that so many times the noise doesn't explain."""
    assert baseline.response is not None
    assert asynchronous.response is not None
    allowed = tolerance
    if noise and _is_numeric(noise):
        allowed = tolerance.widened(times * max(difference.size or 0.0 for difference in noise))
    differences = baseline.response.differences(asynchronous.response, allowed)
    others = (each.response for each in again if type(each.response) is type(asynchronous.response))
    if noise and any(other and not other.differences(asynchronous.response, allowed) for other in others):
        return ()
    return differences


def _is_numeric(noise: Sequence[Difference]) -> bool:
    return all(difference.size is not None for difference in noise)


def compare_answers(
    baseline: Sequence[Answer], asynchronous: Sequence[Answer], tolerance: Tolerance, repeats: Repeats = ()
) -> tuple[RequestComparison, ...]:
    """Return one comparison per request that either endpoint was sent, in the baseline's order."""
    again = [_by_request(each) for each in repeats]
    compared = tuple(
        compare(first, second, tolerance, [each[first.request] for each in again if first.request in each])
        for first, second in pair_answers(baseline, asynchronous)
    )
    if sum(bool(each.noise) for each in compared) > MOST_NOISY * len(compared):
        return tuple(replace(each, far=False, noise=each.noise or ELSEWHERE) for each in compared)
    return compared


def pair_answers(baseline: Sequence[Answer], asynchronous: Sequence[Answer]) -> tuple[tuple[Answer, Answer], ...]:
    """Return the two answers to each request; a missing one becomes an error that says so."""
    first, second = _by_request(baseline), _by_request(asynchronous)
    requests = dict.fromkeys((*first, *second))
    return tuple((first.get(name) or _absent(name), second.get(name) or _absent(name)) for name in requests)


def _by_request(answers: Sequence[Answer]) -> Mapping[str, Answer]:
    by_request = {answer.request: answer for answer in answers}
    if len(by_request) != len(answers):
        raise ValueError(f"{len(answers)} answers are for {len(by_request)} requests; give one answer a request")
    return by_request


def _absent(request: str) -> Answer:
    return Answer(request, None, "no answer was recorded", 0.0)


def _described(answer: Answer) -> str:
    return "answered" if answer.error is None else f"no answer ({answer.error})"


def words_of(comparisons: Sequence[RequestComparison]) -> Words:
    """The words for these requests, from the first that was answered."""
    return next((each.words for each in comparisons if each.words is not ANY_WORDS), ANY_WORDS)
