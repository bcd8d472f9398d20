"""Old reports go, those of failed nights later, the newest never, and nothing that isn't a report of ours."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.report.retention import remove_old_reports

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def night(folder: Path, run_id: str, days_ago: int, passed: bool = True) -> Path:
    report = folder / run_id / "report.json"
    report.parent.mkdir()
    finished = (NOW - timedelta(days=days_ago)).isoformat()
    report.write_text(json.dumps({"run_id": run_id, "finished_at": finished, "verdict": {"passed": passed}}))
    return report


def test_reports_go_when_they_are_too_old_and_failed_ones_later(tmp_path: Path) -> None:
    for run_id, days_ago, passed in (("a", 91, True), ("b", 91, False), ("c", 361, False), ("d", 89, True)):
        night(tmp_path, run_id, days_ago, passed)
    assert sorted(remove_old_reports(tmp_path, NOW, 90)) == ["a", "c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "d"]


def test_the_newest_stays_however_old(tmp_path: Path) -> None:
    night(tmp_path, "old", 1000)
    night(tmp_path, "older", 2000)
    assert remove_old_reports(tmp_path, NOW, 90) == ("older",)


def test_what_is_no_report_of_ours_stays(tmp_path: Path) -> None:
    night(tmp_path, "new", 0)
    night(tmp_path, "renamed", 1000).parent.rename(tmp_path / "kept by hand")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "report.json").write_text('{"run_id": "cut"')
    (tmp_path / "history.jsonl").write_text("{}\n")
    assert remove_old_reports(tmp_path, NOW, 90) == ()
    assert len(list(tmp_path.iterdir())) == 4


def test_odd_reports_lose_no_night(tmp_path: Path) -> None:
    night(tmp_path, "new", 0)
    naive = night(tmp_path, "naive", 1000)
    naive.write_text(naive.read_text().replace("+00:00", ""))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "report.json").write_text("[" * 100_000)
    elsewhere = night(tmp_path, "old", 1000).parent.rename(tmp_path.parent / "elsewhere-old")
    (tmp_path / "old").symlink_to(elsewhere)
    assert remove_old_reports(tmp_path, NOW, 90) == ("naive",)
    assert (elsewhere / "report.json").exists()
