"""The comparison of the asynchronous endpoint's answers with the real-time one's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from recommender.schema import Recommendation, Response
from tasks.invoking.answer import Answer

UNANSWERED = "answer"
UNRECOMMENDED = "recommendations"
# Scores lie in [0, 1], so none differ by more. Reported where there are no two scores to subtract.
LARGEST_SCORE_DIFFERENCE = 1.0


@dataclass(frozen=True)
class Tolerance:
    """The largest difference between scores that still counts as the same answer."""

    score: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 <= self.score < LARGEST_SCORE_DIFFERENCE:
            raise ValueError(
                f"tolerance of scores is {self.score}; scores lie in [0, 1], so give 0 or more, less than 1"
            )


@dataclass(frozen=True)
class Difference:
    """One difference between two answers, in words; `rank` is None if it concerns the whole answer."""

    rank: int | None
    field: str
    baseline: str
    asynchronous: str

    def __str__(self) -> str:
        where = self.field if self.rank is None else f"rank {self.rank} {self.field}"
        return f"{where}: real-time {self.baseline}, asynchronous {self.asynchronous}"


@dataclass(frozen=True)
class PictureComparison:
    """The comparison of the two answers for one picture.

    `max_score_difference` is 1.0 if the answers share no item, and None if neither recommends any.
    """

    picture: str
    agrees: bool
    differences: tuple[Difference, ...]
    max_score_difference: float | None

    @property
    def differs(self) -> bool:
        """True if the endpoints contradict each other."""
        return not self.agrees and not self.empty

    @property
    def empty(self) -> bool:
        """True if neither endpoint recommended anything and nothing else differs, which proves nothing."""
        return [difference.field for difference in self.differences] == [UNRECOMMENDED]

    @property
    def answered(self) -> bool:
        """True if both endpoints gave an answer, so that there were scores to compare."""
        return not any(difference.field == UNANSWERED for difference in self.differences)


def compare_picture(baseline: Answer, asynchronous: Answer, tolerance: Tolerance) -> PictureComparison:
    """Compare two answers: the items and their order, scores within the tolerance, the reading of the query.

    A missing answer differs from everything, even from another missing answer. Two answers without recommendations
    neither agree nor differ: they prove nothing.
    """
    if baseline.picture != asynchronous.picture:
        raise ValueError(f"answers for two pictures were to be compared: {baseline.picture}, {asynchronous.picture}")
    if baseline.response is None or asynchronous.response is None:
        difference = Difference(None, UNANSWERED, _described(baseline), _described(asynchronous))
        return PictureComparison(baseline.picture, False, (difference,), LARGEST_SCORE_DIFFERENCE)
    differences = (
        *_answer_differences(baseline.response, asynchronous.response),
        *_item_differences(baseline.response, asynchronous.response, tolerance),
    )
    largest = _max_score_difference(baseline.response, asynchronous.response)
    return PictureComparison(baseline.picture, not differences, differences, largest)


def compare_answers(
    baseline: Sequence[Answer], asynchronous: Sequence[Answer], tolerance: Tolerance
) -> tuple[PictureComparison, ...]:
    """Return one comparison per picture that either endpoint was asked about, in the baseline's order."""
    return tuple(compare_picture(first, second, tolerance) for first, second in pair_answers(baseline, asynchronous))


def pair_answers(baseline: Sequence[Answer], asynchronous: Sequence[Answer]) -> tuple[tuple[Answer, Answer], ...]:
    """Return the two answers for each picture; a missing one becomes an error that says so."""
    first, second = _by_picture(baseline), _by_picture(asynchronous)
    pictures = dict.fromkeys((*first, *second))
    return tuple(
        (first.get(picture) or _absent(picture), second.get(picture) or _absent(picture)) for picture in pictures
    )


def _answer_differences(baseline: Response, asynchronous: Response) -> Iterator[Difference]:
    pairs = {
        "model version": (baseline.model_version, asynchronous.model_version),
        "query category": (baseline.query.category, asynchronous.query.category),
        "query gender": (baseline.query.gender, asynchronous.query.gender),
    }
    for field, (first, second) in pairs.items():
        if first != second:
            yield Difference(None, field, str(first), str(second))
    if not baseline.recommendations and not asynchronous.recommendations:
        yield Difference(None, UNRECOMMENDED, "none at all", "none at all, which proves nothing")


def _item_differences(baseline: Response, asynchronous: Response, tolerance: Tolerance) -> Iterator[Difference]:
    pairs = zip_longest(baseline.recommendations, asynchronous.recommendations)
    for rank, (first, second) in enumerate(pairs, start=1):
        if first is None or second is None or first.item_id != second.item_id:
            yield Difference(rank, "item", _item(first), _item(second))
        # Not `>`: every comparison with a NaN is false, and a NaN must differ.
        elif not abs(first.score - second.score) <= tolerance.score:
            yield Difference(rank, "score", f"{first.score:.6f}", f"{second.score:.6f}")


def _max_score_difference(baseline: Response, asynchronous: Response) -> float | None:
    if not baseline.recommendations and not asynchronous.recommendations:
        return None
    scores = {item.item_id: item.score for item in baseline.recommendations}
    shared = [abs(scores[item.item_id] - item.score) for item in asynchronous.recommendations if item.item_id in scores]
    if not shared or not all(difference <= LARGEST_SCORE_DIFFERENCE for difference in shared):
        return LARGEST_SCORE_DIFFERENCE
    return max(shared)


def _by_picture(answers: Sequence[Answer]) -> Mapping[str, Answer]:
    by_picture = {answer.picture: answer for answer in answers}
    if len(by_picture) != len(answers):
        raise ValueError(f"{len(answers)} answers are for {len(by_picture)} pictures; give one answer a picture")
    return by_picture


def _absent(picture: str) -> Answer:
    return Answer(picture, None, "no answer was recorded", 0.0)


def _described(answer: Answer) -> str:
    return "answered" if answer.error is None else f"no answer ({answer.error})"


def _item(recommendation: Recommendation | None) -> str:
    return "nothing" if recommendation is None else recommendation.item_id
