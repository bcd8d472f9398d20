import json
import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.report.history import Night, add_night, read_history, slower_phases
from tests.tasks.reports import STARTED, report


def night(number: int, end_to_end_ms: float = 800.0, **changed: object) -> Night:
    medians = {"asynchronous end to end": end_to_end_ms}
    finished = STARTED + timedelta(days=number)
    return replace(report().night, run_id=f"n{number}", finished_at=finished, p50_ms=medians, **changed)  # type: ignore[arg-type]


def test_a_night_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    add_night(path, report().night)
    assert read_history(path) == (report().night,)


def test_no_history_yet_is_an_empty_one(tmp_path: Path) -> None:
    assert read_history(tmp_path / "history.jsonl") == ()


def test_nights_come_oldest_first_and_the_last_line_of_a_run_counts(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for each in (night(2), night(1), night(2, left=3)):
        add_night(path, each)
    assert [(each.run_id, each.left) for each in read_history(path)] == [("n1", 0), ("n2", 3)]


def test_a_line_that_was_cut_off_hides_no_other(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    add_night(path, night(1))
    with path.open("a", encoding="utf-8") as file:
        file.write("[]\n{}\n" + night(2).to_json()[:40])
    add_night(path, night(3))
    assert [each.run_id for each in read_history(path)] == ["n1", "n3"]


def test_a_night_from_before_empty_answers_were_counted_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(night(1).to_json().replace(', "empty": 0', "") + "\n")
    assert read_history(path) == (night(1),)


def test_a_much_slower_median_is_named_with_the_usual_one() -> None:
    assert slower_phases(night(9, 1700.0), [night(n) for n in range(3)]) == (
        "asynchronous end to end: median 1.70 s, 2.1 times the 800 ms of the last 3 nights",
    )


def test_a_median_within_the_usual_is_not_named() -> None:
    assert slower_phases(night(9, 1100.0), [night(n) for n in range(3)]) == ()


def test_two_nights_are_too_few_to_call_a_third_slow() -> None:
    assert slower_phases(night(9, 9000.0), [night(n) for n in range(2)]) == ()


def test_failed_nights_and_other_instances_are_no_measure() -> None:
    for unlike in ({"passed": False}, {"instance_type": "ml.c5.large"}, {"region": "eu-west-1"}):
        assert slower_phases(night(9, 9000.0), [night(n, **unlike) for n in range(5)]) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"finished_at": "2026-11-22T03:00:00"},
        {"finished_at": "yesterday"},
        {"p50_ms": {"asynchronous end to end": "slow"}},
        {"p50_ms": None},
        {"cold_starts_seconds": {"a": math.inf}},
        {"run_usd": math.nan},
    ],
)
def test_a_night_with_an_odd_figure_hides_no_other(tmp_path: Path, changed: dict[str, object]) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(json.loads(night(1).to_json()) | changed) + "\n")
    add_night(path, night(2))
    assert [each.run_id for each in read_history(path)] == ["n2"]


def test_bytes_that_are_no_text_hide_no_night(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"\xff\xfe\n")
    add_night(path, night(1))
    assert [each.run_id for each in read_history(path)] == ["n1"]


def test_a_field_that_a_later_version_added_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(json.loads(night(1).to_json()) | {"new": 1}) + "\n")
    assert read_history(path) == (night(1),)


def test_the_history_is_its_users_alone_also_where_it_was_not_before(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    for number in (1, 2):
        add_night(path, night(number))
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
