import math
from dataclasses import replace

import pytest

from tasks.errors import InputError
from tasks.exchange.kinds import AnswerKind, checked_tolerance
from tasks.exchange.recommendations import WORDS, RecommendedContent
from tasks.exchange.tolerance import Tolerance
from tasks.invoking.answer import Answer
from tasks.verdict.comparison import RequestComparison, compare, compare_answers
from tasks.verdict.judgement import Check, judge
from tests.tasks.answers import ITEMS, answer, no_answer, response

DEFAULT = Tolerance()
PASSED = Check("nothing is left", True, "nothing", "nothing")


def differences(baseline: Answer, asynchronous: Answer, tolerance: Tolerance = DEFAULT) -> list[str]:
    return [str(difference) for difference in compare(baseline, asynchronous, tolerance).differences]


def compared(count: int, differing: int = 0) -> list[RequestComparison]:
    second = [no_answer(f"{n}.jpg") if n < differing else answer(f"{n}.jpg") for n in range(count)]
    return list(compare_answers([answer(f"{n}.jpg") for n in range(count)], second, Tolerance()))


def test_equal_answers_agree_whatever_their_latency_and_timings() -> None:
    comparison = compare(answer(latency_ms=60), answer(latency_ms=4000, encode_ms=900.0), Tolerance())
    assert comparison == RequestComparison("queries/1.jpg", True, (), 0.0, words=WORDS)


@pytest.mark.parametrize(("apart", "agrees"), [(0.0, True), (0.0009, True), (0.0011, False)])
def test_scores_agree_within_the_tolerance(apart: float, agrees: bool) -> None:
    comparison = compare(answer(), answer(scores=(0.9 - apart, 0.8, 0.7)), Tolerance())
    assert comparison.agrees is agrees
    assert comparison.largest_difference == pytest.approx(apart)


def test_a_score_outside_the_tolerance_is_named_with_its_rank() -> None:
    assert differences(answer(), answer(scores=(0.9, 0.75, 0.7))) == [
        "rank 2 score: real-time 0.800000, asynchronous 0.750000"
    ]


def test_a_tolerance_of_nothing_wants_equal_scores() -> None:
    assert differences(answer(), answer(), Tolerance(0)) == []
    assert differences(answer(), answer(scores=(0.9 - 1e-12, 0.8, 0.7)), Tolerance(0)) != []


@pytest.mark.parametrize("kind", ["recommendations", "json"])
@pytest.mark.parametrize("score", [-1e-9, math.nan, math.inf])
def test_a_tolerance_that_lets_anything_pass_is_refused(score: float, kind: AnswerKind) -> None:
    with pytest.raises(InputError, match="tolerance is"):
        checked_tolerance(kind, score, 0, [], "")
    with pytest.raises(InputError, match="tolerance is"):
        checked_tolerance(kind, 0, score, [], "")


def test_a_tolerance_of_all_scores_or_of_all_of_a_number_is_refused() -> None:
    with pytest.raises(InputError, match=r"tolerance is 1\.0; scores lie in"):
        checked_tolerance("recommendations", 1.0, 0, [], "")
    with pytest.raises(InputError, match=r"relative tolerance is 1\.0"):
        checked_tolerance("json", 0, 1.0, [], "")


def test_what_neither_endpoint_answered_is_told_as_that() -> None:
    comparisons = compare_answers([no_answer("a"), answer("b")], [no_answer("a"), no_answer("b")], Tolerance())
    assert judge(comparisons).reasons == (
        "neither endpoint's answer could be compared for 1 of 2 pictures: a (real-time no answer (ModelError: the "
        "container answered 500))",
        "answers differ for 1 of 2 pictures: b",
    )


def test_the_same_items_in_another_order_differ_at_both_ranks() -> None:
    swapped = answer(items=(ITEMS[1], ITEMS[0], ITEMS[2]))
    assert differences(answer(), swapped) == [
        f"rank 1 item: real-time {ITEMS[0]}, asynchronous {ITEMS[1]}",
        f"rank 2 item: real-time {ITEMS[1]}, asynchronous {ITEMS[0]}",
    ]
    assert compare(answer(), swapped, Tolerance()).largest_difference == pytest.approx(0.1)


@pytest.mark.parametrize("shorter_first", [True, False])
def test_a_shorter_list_differs_at_the_ranks_it_lacks(shorter_first: bool) -> None:
    pair = (answer(items=ITEMS[:2]), answer())
    found = differences(*pair) if shorter_first else differences(*reversed(pair))
    nothing, item = ("real-time nothing", f"asynchronous {ITEMS[2]}")
    if not shorter_first:
        nothing, item = f"real-time {ITEMS[2]}", "asynchronous nothing"
    assert found == [f"rank 3 item: {nothing}, {item}"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"model_version": "000000000000"}, "model version"),
        ({"category": "upperwear_jacket"}, "query category"),
        ({"gender": "female"}, "query gender"),
    ],
)
def test_another_model_or_another_reading_of_the_query_differs(changed: dict[str, str], field: str) -> None:
    comparison = compare(answer(), answer(**changed), Tolerance())
    assert not comparison.agrees
    assert [(d.rank, d.field) for d in comparison.differences] == [(None, field)]


@pytest.mark.parametrize("pair", [(answer(), no_answer()), (no_answer(), answer()), (no_answer(), no_answer())])
def test_a_missing_answer_differs_even_from_a_missing_one(pair: tuple[Answer, Answer]) -> None:
    comparison = compare(*pair, Tolerance())
    assert not comparison.agrees
    assert not comparison.answered
    assert comparison.largest_difference is None
    assert "no answer (ModelError: the container answered 500)" in str(comparison.differences[0])


def test_two_empty_answers_neither_agree_nor_differ() -> None:
    comparison = compare(answer(items=()), answer(items=()), Tolerance())
    assert (comparison.agrees, comparison.differs, comparison.empty) == (False, False, True)
    assert comparison.answered
    assert comparison.largest_difference is None


@pytest.mark.parametrize(
    "pair",
    [(answer(items=()), answer(items=(), gender="female")), (answer(items=()), answer()), (answer(), no_answer())],
)
def test_an_empty_answer_may_differ_all_the_same(pair: tuple[Answer, Answer]) -> None:
    comparison = compare(*pair, Tolerance())
    assert (comparison.differs, comparison.empty) == (True, False)


def test_a_score_that_is_not_a_number_differs() -> None:
    good = response().response
    first, *others = good.recommendations
    broken = RecommendedContent(replace(good, recommendations=(replace(first, score=math.nan), *others)))
    comparison = compare(answer(), Answer("queries/1.jpg", broken, None, 60.0), Tolerance())
    assert [(d.rank, d.field) for d in comparison.differences] == [(1, "score")]
    assert comparison.largest_difference == 1.0


def test_an_answer_is_a_response_or_an_error() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Answer("a.jpg", None, None, 1.0)
    with pytest.raises(ValueError, match="exactly one"):
        Answer("a.jpg", response(), "and an error", 1.0)


def test_answers_for_two_pictures_are_not_compared() -> None:
    with pytest.raises(ValueError, match=r"a\.jpg, b\.jpg"):
        compare(answer("a.jpg"), answer("b.jpg"), Tolerance())


def test_answers_are_paired_by_picture_not_by_order() -> None:
    comparisons = compare_answers([answer("a"), answer("b")], [answer("b"), answer("a")], Tolerance())
    assert [(c.request, c.agrees) for c in comparisons] == [("a", True), ("b", True)]


def test_a_picture_that_only_one_endpoint_was_asked_about_differs() -> None:
    comparisons = compare_answers([answer("a"), answer("b")], [answer("b"), answer("c")], Tolerance())
    assert [(c.request, c.agrees) for c in comparisons] == [("a", False), ("b", True), ("c", False)]
    assert "no answer was recorded" in comparisons[0].differences[0].asynchronous


def test_two_answers_for_one_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="2 answers are for 1 requests"):
        compare_answers([answer("a"), answer("a")], [answer("a")], Tolerance())


def test_pass_says_how_many_pictures_agree_and_how_closely() -> None:
    verdict = judge(compared(3), [PASSED])
    assert verdict.passed
    assert [check.name for check in verdict.checks] == ["answers agree", "nothing is left"]
    assert verdict.reasons[0].startswith("3 pictures got the same items in the same order")


def test_fail_names_the_pictures_that_differ() -> None:
    verdict = judge(compared(3, differing=2), [PASSED])
    assert not verdict.passed
    assert verdict.reasons == ("answers differ for 2 of 3 pictures: 0.jpg, 1.jpg",)


def test_only_empty_answers_are_a_fail_that_says_so() -> None:
    empty = [answer(f"{n}.jpg", items=()) for n in range(6)]
    verdict = judge(compare_answers(empty, empty, Tolerance()), [PASSED])
    assert not verdict.passed
    assert verdict.checks[0].found == "0 agree, 0 differ, 6 without any recommendation"
    assert verdict.reasons == (
        "neither endpoint recommended anything for 6 of 6 pictures, which proves nothing: "
        "0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, 5.jpg",
    )


def test_one_empty_pair_fails_and_is_counted_apart_from_those_that_differ() -> None:
    empty = compare(answer("empty.jpg", items=()), answer("empty.jpg", items=()), Tolerance())
    alone, beside = judge([*compared(3), empty]), judge([*compared(3, differing=1), empty])
    assert alone.reasons == (
        "neither endpoint recommended anything for 1 of 4 pictures, which proves nothing: empty.jpg",
    )
    assert beside.checks[0].found == "2 agree, 1 differ, 1 without any recommendation"
    assert beside.reasons == ("answers differ for 1 of 4 pictures: 0.jpg", *alone.reasons)


@pytest.mark.parametrize(("differing", "ending"), [(10, "8.jpg, 9.jpg"), (13, "8.jpg, 9.jpg and 3 more")])
def test_fail_names_at_most_ten_pictures(differing: int, ending: str) -> None:
    assert judge(compared(20, differing)).reasons[0].endswith(ending)


def test_one_failed_check_fails_pictures_that_all_agree() -> None:
    verdict = judge(compared(3), [Check("nothing is left", False, "nothing", "endpoint stygig-async-1"), PASSED])
    assert not verdict.passed
    assert verdict.reasons == ("nothing is left: expected nothing, found endpoint stygig-async-1",)


def test_every_failure_is_a_reason() -> None:
    failed = Check("every notification arrived", False, "21", "18")
    assert len(judge(compared(3, differing=1), [failed]).reasons) == 2


def test_no_pictures_at_all_is_a_failure() -> None:
    verdict = judge([], [PASSED])
    assert not verdict.passed
    assert "no requests were compared" in verdict.reasons[0]
