"""A baseline that is asked twice: its own noise is no difference, and what is far beyond it is one."""

import random
import re

import pytest

from tasks.exchange.content import Tolerance
from tasks.exchange.json_content import JsonContent
from tasks.invoking.answer import Answer
from tasks.verdict.comparison import RequestComparison, compare, compare_answers
from tasks.verdict.judgement import judge

TOLERANCE = Tolerance(1e-3)


def said(value: object, request: str = "1.json") -> Answer:
    return Answer(request, JsonContent(value), None, 5.0)


def compared(first: object, again: object, asynchronous: object) -> RequestComparison:
    return compare(said(first), said(asynchronous), TOLERANCE, [said(again)])


def test_a_baseline_that_agrees_with_itself_makes_no_noise() -> None:
    comparison = compared({"score": 0.5}, {"score": 0.5}, {"score": 0.6})
    assert (comparison.differs, comparison.noise) == (True, "")


@pytest.mark.parametrize(
    ("asynchronous", "state"),
    [(0.5, "agrees"), (0.51, "agrees"), (0.505, "agrees"), (0.495, "agrees"), (0.53, "incomparable"), (0.9, "differs")],
)
def test_numbers_within_the_noise_agree_and_far_beyond_it_differ(asynchronous: float, state: str) -> None:
    comparison = compared({"score": 0.5}, {"score": 0.51}, {"score": asynchronous})
    states = ("agrees", "incomparable", "differs")
    assert [name for name in states if getattr(comparison, name)] == [state]
    assert comparison.noise.startswith("$.score: ")


def test_another_answer_agrees_with_either_of_the_baselines() -> None:
    assert compared({"label": "a"}, {"label": "b"}, {"label": "b"}).agrees
    assert compared({"label": "a"}, {"label": "b"}, {"label": "c"}).incomparable
    assert compared({"label": "a", "score": 0.5}, {"label": "a", "score": 0.51}, {"label": "b", "score": 0.5}).differs


def test_a_baseline_that_fails_the_second_time_is_noise() -> None:
    failed = Answer("1.json", None, "ModelError", 5.0)
    comparison = compare(said({"a": 1}), said({"a": 2}), TOLERANCE, [failed])
    assert comparison.incomparable
    assert "when asked again no answer (ModelError)" in comparison.noise


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
