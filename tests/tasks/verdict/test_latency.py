import math

import pytest

from tasks.verdict.latency import Percentiles, latency_by_phase, model_ms, percentiles
from tasks.verdict.omissions import Omissions
from tests.tasks.answers import response


def test_percentiles_interpolate_between_measurements() -> None:
    assert percentiles([float(n) for n in range(101)]) == Percentiles(101, 0, 50, 90, 95, 99, 100)
    assert percentiles([10.0, 20.0]).p50_ms == 15


def test_percentiles_take_durations_in_any_order() -> None:
    assert percentiles([3.0, 1.0, 2.0]) == Percentiles(3, 1.0, 2.0, 2.8, 2.9, 2.98, 3.0)


def test_percentiles_of_one_duration_are_that_duration() -> None:
    assert percentiles([7.0]) == Percentiles(1, 7, 7, 7, 7, 7, 7)


def test_percentiles_are_plain_numbers_for_json() -> None:
    found = percentiles([1.0, 2.0])
    assert {type(value) for value in vars(found).values()} == {int, float}


@pytest.mark.parametrize("durations", [[], [1.0, -0.1], [math.nan], [math.inf]])
def test_percentiles_refuse_what_is_no_duration(durations: list[float]) -> None:
    with pytest.raises(ValueError, match=r"durations"):
        percentiles(durations)


def test_each_phase_stands_on_its_side() -> None:
    phases = latency_by_phase(
        real_time_round_trip_ms=[60.0],
        submit_ms=[20.0],
        queue_and_processing_ms=[500.0],
        end_to_end_ms=[700.0],
        omissions=Omissions(),
    )
    assert [(each.side, each.phase, each.percentiles.p50_ms) for each in phases] == [
        ("real-time", "round trip", 60),
        ("asynchronous", "submit", 20),
        ("asynchronous", "queue and processing", 500),
        ("asynchronous", "end to end", 700),
    ]


def test_what_was_not_measured_is_left_out() -> None:
    phases = latency_by_phase(
        real_time_round_trip_ms=[],
        submit_ms=[20.0],
        queue_and_processing_ms=[],
        end_to_end_ms=[],
        omissions=Omissions(),
    )
    assert [each.phase for each in phases] == ["submit"]


def test_container_stages_come_from_the_responses_of_each_side() -> None:
    phases = latency_by_phase(
        real_time_round_trip_ms=[],
        submit_ms=[],
        queue_and_processing_ms=[],
        end_to_end_ms=[],
        real_time_stages_ms=[response(encode_ms=30).stages_ms, response(encode_ms=50).stages_ms],
        asynchronous_stages_ms=[response(encode_ms=44).stages_ms],
        omissions=Omissions(),
    )
    encode = {each.side: each.percentiles for each in phases if each.phase == "container: encode"}
    assert (encode["real-time"].count, encode["real-time"].p50_ms) == (2, 40)
    assert (encode["asynchronous"].count, encode["asynchronous"].p50_ms) == (1, 44)
    assert [each.phase for each in phases[:5]] == [
        "model",
        "container: decode",
        "container: encode",
        "container: search",
        "container: score",
    ]


def test_the_models_time_is_the_sum_of_the_stages_that_it_tells() -> None:
    assert model_ms(response(encode_ms=40).stages_ms) == 4.0 + 40.0 + 0.5 + 1.0
    phases = latency_by_phase(
        real_time_round_trip_ms=[60.0],
        real_time_queue_ms=[14.5],
        submit_ms=[],
        queue_and_processing_ms=[],
        end_to_end_ms=[],
        real_time_stages_ms=[response(encode_ms=40).stages_ms],
        omissions=Omissions(),
    )
    assert [(each.phase, each.percentiles.p50_ms) for each in phases[:3]] == [
        ("round trip", 60.0),
        ("queue and transfer", 14.5),
        ("model", 45.5),
    ]


@pytest.mark.parametrize("odd", [-1.0, math.nan, math.inf])
def test_a_phase_with_an_odd_duration_is_left_out_and_said(odd: float) -> None:
    omissions = Omissions()
    phases = latency_by_phase(
        real_time_round_trip_ms=[60.0],
        submit_ms=[20.0, odd],
        queue_and_processing_ms=[],
        end_to_end_ms=[],
        omissions=omissions,
    )
    assert [each.phase for each in phases] == ["round trip"]
    (line,) = omissions.lines
    assert line.startswith("latency of asynchronous submit: left out, ValueError: durations run from")
