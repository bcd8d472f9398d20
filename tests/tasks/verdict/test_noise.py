"""A baseline that is asked twice: its own noise is no difference, and what is far beyond it is one."""

import math
import random
import re
from typing import Any

import numpy as np
import pytest

from tasks.exchange.array_content import ArrayContent
from tasks.exchange.content import Content
from tasks.exchange.difference import MOST_PLACES
from tasks.exchange.json_content import JsonContent
from tasks.exchange.plain_content import TableContent, TextContent
from tasks.exchange.tolerance import Tolerance
from tasks.invoking.answer import Answer
from tasks.verdict.comparison import RequestComparison, compare, compare_answers
from tasks.verdict.judgement import judge

TOLERANCE = Tolerance(1e-3)


def said(value: object, request: str = "1.json") -> Answer:
    return Answer(request, JsonContent(value), None, 5.0)


def of(content: Content, request: str = "1") -> Answer:
    return Answer(request, content, None, 5.0)


def compared(first: object, again: object, asynchronous: object) -> RequestComparison:
    """The comparison of one request among twelve, the rest of which are like the baseline's first and make no noise."""
    calm = [said(first, f"{number}.json") for number in range(2, 13)]
    answers = [[said(each), *calm] for each in (first, asynchronous, again)]
    comparison, *others = compare_answers(answers[0], answers[1], TOLERANCE, [answers[2]])
    assert all(each.agrees and not each.noise for each in others)
    return comparison


def state(comparison: RequestComparison) -> str:
    (found,) = (name for name in ("agrees", "incomparable", "differs") if getattr(comparison, name))
    return found


def test_a_baseline_that_agrees_with_itself_makes_no_noise() -> None:
    comparison = compared({"score": 0.5}, {"score": 0.5}, {"score": 0.6})
    assert (comparison.differs, comparison.noise) == (True, "")


@pytest.mark.parametrize(
    ("asynchronous", "expected"),
    [
        (0.5, "agrees"),
        (0.51, "agrees"),
        (0.505, "agrees"),
        (0.495, "agrees"),
        (0.53, "incomparable"),
        (0.9, "differs"),
        (math.nan, "differs"),
        ("0.5", "differs"),
        (None, "differs"),
    ],
)
def test_numbers_within_the_noise_agree_and_far_beyond_it_differ(asynchronous: object, expected: str) -> None:
    comparison = compared({"score": 0.5}, {"score": 0.51}, {"score": asynchronous})
    assert state(comparison) == expected
    assert comparison.noise == "$.score: first 0.5, again 0.51"


@pytest.mark.parametrize(
    ("first", "again", "asynchronous", "expected"),
    [
        ({"label": "a"}, {"label": "b"}, {"label": "b"}, "agrees"),
        ({"label": "a"}, {"label": "b"}, {"label": "c"}, "incomparable"),
        # Noise belongs to its place: whatever is noisy elsewhere, these are differences.
        ({"ms": 20, "score": 0.1}, {"ms": 60, "score": 0.1}, {"ms": 40, "score": 0.9}, "differs"),
        ({"ms": 20, "cls": 3}, {"ms": 60, "cls": 3}, {"ms": 20, "cls": 7}, "differs"),
        ({"id": "x", "label": "a"}, {"id": "y", "label": "a"}, {"id": "z", "label": "b"}, "differs"),
        ({"id": "x", "label": "a"}, {"id": "y", "label": "a"}, {"id": "y"}, "differs"),
        ({"label": "a", "score": 0.5}, {"label": "a", "score": 0.51}, {"label": "b", "score": 0.5}, "differs"),
        # One request can't tell whether the noise of a list stays at its element.
        ({"t": [1, 2], "a": 1}, {"t": [1, 9], "a": 1}, {"t": [5, 2], "a": 1}, "incomparable"),
        # What lies below a noisy place is noisy, unless one of the baseline's answers is the same there.
        ({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}, "agrees"),
        ({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 2}}, "incomparable"),
        ({"a": {"x": 1}}, {"a": 1}, {"a": {"x": 2}}, "incomparable"),
        ([{"x": 1}], [{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 2}], "agrees"),
        ([{"x": 1}], [{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 3}], "incomparable"),
        ([1, 2, 3], [1, 2], [1], "incomparable"),
        # A baseline that once says NaN explains no other number.
        ({"a": 1.0}, {"a": math.nan}, {"a": 7.0}, "incomparable"),
    ],
)
def test_noise_belongs_to_its_place(first: object, again: object, asynchronous: object, expected: str) -> None:
    assert state(compared(first, again, asynchronous)) == expected


def test_differences_that_count_are_told_first() -> None:
    comparison = compared({"a": "x", "b": 1, "c": "x"}, {"a": "y", "b": 1, "c": "y"}, {"a": "z", "b": 2, "c": "z"})
    assert [each.field for each in comparison.differences] == ["$.b", "$.a", "$.c"]
    assert comparison.unclear == 2


@pytest.mark.parametrize(
    ("first", "again", "asynchronous"),
    [
        (np.array([20, 0.1]), np.array([60, 0.1]), np.array([40, 0.9])),
        (np.array([1, 2**60]), np.array([2, 2**60]), np.array([1, 2**60 + 100])),
    ],
)
def test_elements_of_arrays_have_noise_of_their_own(first: object, again: object, asynchronous: object) -> None:
    answers = ([of(ArrayContent({"": each}), str(n)) for n in range(3)] for each in (first, again, asynchronous))  # type: ignore[dict-item]
    baseline, repeated, other = answers
    comparisons = compare_answers(baseline, other, TOLERANCE, [repeated])
    assert [state(each) for each in comparisons] == ["differs"] * 3


def test_cells_and_lines_have_noise_of_their_own() -> None:
    for read, first, again, asynchronous in (
        (TableContent.read, b"ms,20\ncat,0.1\n", b"ms,60\ncat,0.1\n", b"ms,40\ncat,0.9\n"),
        (TextContent.read, b"took 20 ms\ncat", b"took 60 ms\ncat", b"took 30 ms\ndog"),
    ):
        baseline, repeated, other = (
            [of(read(body), str(n)) for n in range(3)] for body in (first, again, asynchronous)
        )
        comparisons = compare_answers(baseline, other, TOLERANCE, [repeated])
        assert [state(each) for each in comparisons] == ["differs"] * 3


def test_a_baseline_that_fails_the_second_time_is_noise() -> None:
    failed = Answer("1.json", None, "ModelError", 5.0)
    comparison = compare(said({"a": 1}), said({"a": 2}), TOLERANCE, [failed])
    assert comparison.incomparable
    assert comparison.noise == "answer: first answered, again no answer (ModelError)"
    assert compare(said({"a": 1}), said({"a": 1}), TOLERANCE, [failed]).agrees
    assert compare(said({"a": 1}), failed, TOLERANCE, [failed]).differs


def test_a_single_noisy_request_tells_too_little_to_call_anything_far() -> None:
    assert compare(said(0.5), said(0.9), TOLERANCE, [said(0.501_1)]).incomparable


def test_the_noise_of_huge_random_answers_is_known_by_families() -> None:
    chance = random.Random(1)
    answers = [[said([chance.random() for _ in range(MOST_PLACES + 1)], str(n)) for n in range(3)] for _ in range(3)]
    baseline, repeated, other = answers
    assert {state(each) for each in compare_answers(baseline, other, TOLERANCE, [repeated])} <= {
        "agrees",
        "incomparable",
    }
    for number in range(3):
        other[number] = said({"instead": other[number].response.value}, str(number))  # type: ignore[union-attr, attr-defined]
    assert {state(each) for each in compare_answers(baseline, other, TOLERANCE, [repeated])} == {"differs"}


def verdict_on(first: list[object], again: list[object], asynchronous: list[object]) -> str:
    answers = ([said(value, f"{number}.json") for number, value in enumerate(each)] for each in (first, asynchronous))
    baseline, other = answers
    repeated = [said(value, f"{number}.json") for number, value in enumerate(again)]
    return judge(compare_answers(baseline, other, TOLERANCE, [repeated])).word


def but(values: list[object], at: int, value: object) -> list[object]:
    return [*values[:at], value, *values[at + 1 :]]


def boxes(label: str, count: int) -> object:
    return {"boxes": [{"label": label}] * count}


BOXES = [boxes("cat", 3)] * 24


@pytest.mark.parametrize(
    ("first", "again", "asynchronous", "word"),
    [
        # One noisy request excuses nothing elsewhere in others.
        (BOXES, but(BOXES, 0, boxes("cat", 4)), but(BOXES, 7, boxes("dog", 3)), "FAIL"),
        ([{"s": 0.5}] * 24, but([{"s": 0.5}] * 24, 0, {"s": None}), [{"s": 0.9}] * 24, "FAIL"),
        # A member that is missing now and then, and another value beside it.
        ([{"a": 1}] * 24, but([{"a": 1}] * 24, 0, {}), but([{"a": 1}] * 24, 1, {"a": 2}), "CAN'T BE COMPARED"),
        ([[]] * 24, [[]] * 24, [[]] * 24, "FAIL"),
        (but([[]] * 24, 3, [1]), but([[]] * 24, 3, [1]), but([[]] * 24, 3, [1]), "PASS"),
    ],
)  # fmt: skip
def test_one_noisy_request_excuses_no_difference_of_another_kind(
    first: list[object], again: list[object], asynchronous: list[object], word: str
) -> None:
    assert verdict_on(first, again, asynchronous) == word


def test_a_repeat_that_failed_once_excuses_no_other_request() -> None:
    calm = [said({"label": "cat"}, str(number)) for number in range(24)]
    again = [*calm[:23], Answer("23", None, "throttled", 5.0)]
    wrong = [said({"label": "dog"}, "0"), *calm[1:]]
    verdict = judge(compare_answers(calm, wrong, TOLERANCE, [again]))
    assert verdict.word == "FAIL"
    assert "lie within" not in " ".join(verdict.reasons)


def test_a_line_that_never_was_noisy_is_told_from_lines_that_are() -> None:
    def text(first: str, minute: int, number: int) -> Answer:
        lines = [first, "x", f"12:0{minute}" if number % 2 else "t", "t" if number % 2 else f"12:0{minute}"]
        return of(TextContent.read("\n".join(lines).encode()), str(number))

    baseline, again, other = ([text(*how, n) for n in range(24)] for how in (("cat", 1), ("cat", 2), ("dog", 3)))
    assert judge(compare_answers(baseline, other, TOLERANCE, [again])).word == "FAIL"


def test_a_column_is_told_from_noisy_columns_however_many_rows_there_are() -> None:
    chance = np.random.default_rng(1)
    stable = np.arange(10_000) % 10

    def table(last: Any) -> Answer:
        return of(ArrayContent({"": np.column_stack([chance.random((10_000, 3)) * 1000, last])}))

    assert compare(table(stable), table((stable + 1) % 10), TOLERANCE, [table(stable)]).differs
    assert compare(table(stable), table(stable), TOLERANCE, [table(stable)]).incomparable


def test_what_a_large_array_does_not_tell_is_not_explained() -> None:
    first = np.zeros(100_000)
    again = first.copy()
    again[:30_000] = 100
    other = again.copy()
    other[30_000:35_000] = 1
    found = compare(
        of(ArrayContent({"": first})), of(ArrayContent({"": other})), TOLERANCE, [of(ArrayContent({"": again}))]
    )
    assert not found.agrees


def test_a_repeat_is_looked_at_at_the_same_element_whatever_is_ignored_in_it() -> None:
    tolerance = Tolerance(1e-3, ignore=("$[?@.debug==true]",))
    debug = {"debug": True}
    first, other = said([debug, {"v": 1}, {"v": 2}]), said([debug, {"v": 900}, {"v": 2}])
    assert not compare(first, other, tolerance, [said([{"v": 1.5}, {"v": 2}])]).agrees


def test_a_repeat_without_the_key_agrees_nowhere_below_its_list() -> None:
    tolerance = Tolerance(1e-3, key="id")
    first, other = (said([{"id": 1, "v": value}, {"id": 2, "v": 2}]) for value in (1, 900))
    again = [said([{"id": 1, "v": 1.5}, {"id": 2, "v": 2}]), said([{"id": 1, "v": 1.5}, {"v": 2}])]
    assert not compare(first, other, tolerance, again).agrees


def test_flips_among_a_few_names_are_seldom_a_false_fail() -> None:
    failed = 0
    for seed in range(40):
        chance = random.Random(seed)
        first, again, other = ([{name: chance.random() < 0.06 for name in "abcd"} for _ in range(24)] for _ in range(3))
        failed += verdict_on(list(first), list(again), list(other)) == "FAIL"
    assert failed <= 4


@pytest.mark.parametrize("share", [0.1, 0.02])
@pytest.mark.parametrize("seed", range(10))
def test_flips_among_many_names_are_no_false_fail(seed: int, share: float) -> None:
    chance = random.Random(seed)
    first, again, other = (
        [{f"n{i}": chance.random() < share for i in range(100)} for _ in range(24)] for _ in range(3)
    )
    assert verdict_on(list(first), list(again), list(other)) == "CAN'T BE COMPARED"


@pytest.mark.parametrize("seed", range(20))
def test_noise_that_wanders_along_a_mask_is_no_false_fail(seed: int) -> None:
    chance = np.random.default_rng(seed)
    mask = chance.random((64, 64)) < 0.5

    def asked() -> list[Answer]:
        return [of(ArrayContent({"": mask ^ (chance.random(mask.shape) < 0.005)}), str(n)) for n in range(24)]

    verdict = judge(compare_answers(asked(), asked(), TOLERANCE, [asked()]))
    assert verdict.word == "CAN'T BE COMPARED"


@pytest.mark.parametrize("seed", range(20))
def test_labels_that_flip_now_and_then_are_no_false_fail_but_always_wrong_ones_are_one(seed: int) -> None:
    chance = random.Random(seed)

    def asked(label: str = "cat") -> list[Answer]:
        return [said({"label": label if chance.random() < 0.85 else "dog"}, str(n)) for n in range(24)]

    baseline, again = asked(), asked()
    assert judge(compare_answers(baseline, asked(), TOLERANCE, [again])).word != "FAIL"
    assert judge(compare_answers(baseline, asked("horse"), TOLERANCE, [again])).word == "FAIL"


def random_answer(chance: random.Random, shape: int) -> object:
    """What random models say: numbers, words, lists of any length, objects with any names."""
    label = f"label_{chance.randrange(1000)}"
    return (
        chance.random(),
        [chance.gauss(0, 1) for _ in range(chance.randint(1, 9))],
        {f"label_{chance.randrange(30)}": chance.random() for _ in range(3)},
        {"boxes": [{"label": label, "box": [chance.random()] * 4} for _ in range(chance.randint(0, 4))]},
        {"text": label, "scores": {label: chance.lognormvariate(0, 2)}},
    )[shape]


@pytest.mark.parametrize("shape", range(5))
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("count", [6, 24])
def test_random_models_of_all_shapes_are_no_false_fails(seed: int, shape: int, count: int) -> None:
    chance = random.Random(f"{seed} {shape} {count}")
    names = [f"{number}.json" for number in range(count)]
    first, again, asynchronous = ([said(random_answer(chance, shape), name) for name in names] for _ in range(3))
    assert judge(compare_answers(first, asynchronous, TOLERANCE, [again])).word != "FAIL"


@pytest.mark.parametrize("seed", range(200))
def test_a_random_model_is_never_a_false_fail(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"{number}.json" for number in range(24)]
    first, again, asynchronous = ([said({"score": chance.random()}, name) for name in names] for _ in range(3))
    verdict = judge(compare_answers(first, asynchronous, TOLERANCE, [again]))
    assert verdict.word == "CAN'T BE COMPARED"
    assert re.match(r"can't be compared: the baseline disagrees with itself in 2\d of 24 requests", verdict.reasons[0])


@pytest.mark.parametrize("seed", range(200))
def test_a_noisy_request_among_others_hides_no_difference(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"{number}.json" for number in range(24)]
    first = [said({"score": chance.random()}, name) for name in names]
    again = [said({"score": each.response.value["score"] + 5e-3}, each.request) for each in first[:3]] + first[3:]  # type: ignore[union-attr, attr-defined]
    passed = judge(compare_answers(first, again, TOLERANCE, [again]))
    assert passed.word == "PASS"
    assert "the baseline disagrees with itself in 3 of 24 requests; the asynchronous answers lie" in passed.reasons[1]
    wrong = chance.randrange(24)
    altered = [*first]
    altered[wrong] = said({"score": first[wrong].response.value["score"] + 0.5}, names[wrong])  # type: ignore[union-attr, attr-defined]
    failed = judge(compare_answers(first, altered, TOLERANCE, [again]))
    assert failed.word == "FAIL"
    assert failed.reasons[0] == f"answers differ for 1 of 24 requests: {names[wrong]}"
