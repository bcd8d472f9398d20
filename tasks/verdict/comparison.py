"""The comparison of the asynchronous endpoint's answers with the real-time one's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.exchange.content import ANY_WORDS, MOST_DIFFERENCES, Content, Words, shortened
from tasks.exchange.difference import MOST_PLACES, Difference
from tasks.exchange.tolerance import Tolerance
from tasks.invoking.answer import Answer
from tasks.verdict.noise import Noise, Repeat
from tasks.verdict.noise_of_run import NoiseOfRun

UNANSWERED = "answer"
ANSWERED = "answered"
EMPTY = "content"
Repeats = Sequence[Sequence[Answer]]
"""The baseline's further answers to the same requests, one sequence for each time that it was asked again."""


@dataclass(frozen=True)
class RequestComparison:
    """The comparison of the two answers to one request.

    `differences` has those that count before the `unclear` ones, which lie where the baseline disagrees with itself.
    `noise` says where it does, empty if it doesn't or was asked once. `largest_difference` is None if there were no
    numbers to compare.
    """

    request: str
    agrees: bool
    differences: tuple[Difference, ...]
    largest_difference: float | None
    noise: str = ""
    words: Words = ANY_WORDS
    overlap: str = ""
    """How much two rankings that differ have in common, in a line."""
    unclear: int = 0

    @property
    def differs(self) -> bool:
        """True if the endpoints contradict each other."""
        return len(self.differences) > self.unclear and not self.empty

    @property
    def incomparable(self) -> bool:
        """True if the answers differ where the baseline disagrees with itself, and nowhere else."""
        return 0 < len(self.differences) == self.unclear

    @property
    def empty(self) -> bool:
        """True if neither endpoint said anything and nothing else differs, which proves nothing."""
        return [difference.field for difference in self.differences] == [EMPTY]

    @property
    def neither(self) -> bool:
        """True if no endpoint gave an answer that could be compared."""
        found = [(each.baseline, each.asynchronous) for each in self.differences if each.field == UNANSWERED]
        return any(ANSWERED not in sides for sides in found)

    @property
    def answered(self) -> bool:
        """True if both endpoints gave an answer, so that there was something to compare."""
        return not any(difference.field == UNANSWERED for difference in self.differences)


@dataclass(frozen=True)
class _Compared:
    """What was answered to one request, and how noisy the baseline is."""

    baseline: Answer
    asynchronous: Answer
    again: Sequence[Answer]
    noise: Noise


def compare(
    baseline: Answer, asynchronous: Answer, tolerance: Tolerance, again: Sequence[Answer] = ()
) -> RequestComparison:
    """Compare two answers; `again` has the baseline's further answers to the same request."""
    if baseline.request != asynchronous.request:
        raise ValueError(f"answers to two requests were to be compared: {baseline.request}, {asynchronous.request}")
    (comparison,) = compare_answers([baseline], [asynchronous], tolerance, [[each] for each in again])
    return comparison


def compare_answers(
    baseline: Sequence[Answer], asynchronous: Sequence[Answer], tolerance: Tolerance, repeats: Repeats = ()
) -> tuple[RequestComparison, ...]:
    """Return one comparison per request that either endpoint was sent, in the baseline's order.

    A missing answer differs from everything, even from another missing answer. Two answers without content neither
    agree nor differ: they prove nothing. Where the baseline disagrees with itself, an answer agrees with any of the
    baseline's, numbers also within the distance that these are apart; it counts as another one if it is far from them.
    """
    further = [_by_request(each) for each in repeats]
    compared = []
    for first, second in pair_answers(baseline, asynchronous):
        again = [each[first.request] for each in further if first.request in each]
        noise = Noise.of(first.response, again, tolerance) if first.response else Noise()
        compared.append(_Compared(first, second, again, noise))
    run = _noise_of_run(compared, tolerance) if any(each.noise.places for each in compared) else None
    return _without_empty_ones([_comparison(each, tolerance, run) for each in compared])


def _without_empty_ones(comparisons: Sequence[RequestComparison]) -> tuple[RequestComparison, ...]:
    """The comparisons, in which two empty answers agree if such a model may say nothing, and said something once."""
    if all(each.empty for each in comparisons):
        return tuple(comparisons)
    saying_nothing = [each.empty and each.words.may_be_empty for each in comparisons]
    return tuple(
        replace(each, agrees=True, differences=()) if nothing else each
        for each, nothing in zip(comparisons, saying_nothing, strict=True)
    )


def _noise_of_run(compared: Sequence[_Compared], tolerance: Tolerance) -> NoiseOfRun:
    pairs = [(each.baseline.response, each.asynchronous) for each in compared]
    differing = [Noise.of(first, [second], tolerance) if first else Noise() for first, second in pairs]
    return NoiseOfRun([each.noise for each in compared], differing)


def _comparison(asked: _Compared, tolerance: Tolerance, run: NoiseOfRun | None) -> RequestComparison:
    request, first, second = asked.baseline.request, asked.baseline.response, asked.asynchronous.response
    if first is None or second is None:
        difference = Difference(None, UNANSWERED, _described(asked.baseline), _described(asked.asynchronous))
        content = first or second
        words = content.words if content else ANY_WORDS
        return RequestComparison(request, False, (difference,), None, words=words)
    if type(first) is not type(second):
        difference = Difference(None, "kind of answer", first.kind, second.kind)
        return RequestComparison(request, False, (difference,), None, words=first.words)
    differences, unclear = _judged(first, second, asked, tolerance, run)
    if not differences and first.nothing_to_compare(second, tolerance):
        differences = (Difference(None, EMPTY, "none at all", "none at all, which proves nothing"),)
    return RequestComparison(
        request,
        not differences,
        differences,
        first.largest_difference(second, tolerance),
        asked.noise.told,
        first.words,
        first.overlap(second) if differences else "",
        unclear,
    )


def _judged(
    first: Content, second: Content, asked: _Compared, tolerance: Tolerance, run: NoiseOfRun | None
) -> tuple[tuple[Difference, ...], int]:
    """The differences that the noise doesn't explain, those that count first, and how many of them are unclear."""
    answered = [each.response for each in asked.again if asked.noise.places]
    repeats = [Repeat(each, second, tolerance) for each in answered if each and type(each) is type(second)]
    counting: list[Difference] = []
    unclear: list[Difference] = []
    explained: list[Difference] = []
    for difference in first.each_difference(second, tolerance):
        judgement = asked.noise.judge(difference, repeats)
        if judgement == "counts" and not (run and run.explains(difference)):
            counting.append(difference)
        elif judgement == "explained":
            explained.append(difference)
        elif len(unclear) < MOST_DIFFERENCES:
            unclear.append(difference)
        if len(counting) == MOST_DIFFERENCES:
            break
    if len(explained) > MOST_PLACES and not unclear and not any(repeat.agrees_at(()) for repeat in repeats):
        unclear.append(explained[-1])  # an array tells of no more: what is beyond these may not be explained
    told = (*counting, *unclear)[:MOST_DIFFERENCES]
    return told, len(told) - len(counting)


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
    return ANSWERED if answer.error is None else f"no answer ({shortened(' '.join(answer.error.split()))})"


def words_of(comparisons: Sequence[RequestComparison]) -> Words:
    """The words for these requests, from the first that was answered."""
    return next((each.words for each in comparisons if each.words is not ANY_WORDS), ANY_WORDS)
