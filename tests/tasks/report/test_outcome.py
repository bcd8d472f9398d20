"""The verdict on a measurement: each check passes when it should, and fails when it should."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localaws.faults import CallRefused, Faults, S3Fails
from tasks import clock
from tasks.errors import LeftoverError, StygigError, ValidationFailedError
from tasks.hosting.instance_counts import InstanceCounts
from tasks.invoking.answer import Answer
from tasks.names import S3Location
from tasks.plan import RunPlan
from tasks.report.folder import Unwritten
from tasks.report.outcome import Measurement, build_report, concluded, item_pictures, recommended_items
from tasks.report.report import Report
from tasks.report.writing import ReportFiles
from tasks.resources.teardown import Removal
from tasks.storage import upload
from tasks.verdict.checks import checks_of, judged
from tasks.verdict.comparison import Tolerance, compare_answers
from tasks.verdict.judgement import Check, Verdict
from tests.tasks.answers import ITEMS, answer, no_answer
from tests.tasks.deployed import BUCKET, RUN_ID
from tests.tasks.measurements import FAILURE, MODEL, STARTED, endpoint, measured, record, refused

GONE = Removal(("removed endpoint mine",), ())
LEFT = Removal((), ("endpoint mine (it is Creating)",))


def check(name: str, measurement: Measurement) -> Check:
    (found,) = [each for each in checks_of(measurement) if each.name == name]
    return found


def verdict_on(measurement: Measurement, removal: Removal) -> Verdict:
    compared = compare_answers(measurement.baseline_answers, measurement.async_answers, Tolerance())
    return judged(measurement, compared, removal)


def test_a_measurement_without_fault_passes_every_check() -> None:
    assert [each.passed for each in checks_of(measured())] == [True] * 4
    assert verdict_on(measured(), GONE).passed


@pytest.mark.parametrize("state", ["failed", "expired", "lost"])
def test_a_request_that_did_not_complete_fails_and_is_counted(state: str) -> None:
    found = check(
        "every asynchronous request completed", measured(records=[record("1.jpg"), record("2.jpg", state=state)])
    )
    assert (found.passed, found.found) == (False, f"1 of 2 completed, others {state}")


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"state": "completed", "failure_object": ""}, "completed: no failure object"),
        ({"failure_object": "", "failure_reason": "client error (400)"}, "no failure object; client error (400)"),
        ({"failure_object": "out_of_memory: killed"}, "failed: out_of_memory: killed"),
        ({"state": "lost", "failure_object": ""}, "lost: no failure object"),
    ],
)
def test_a_deliberate_failure_must_end_as_the_failure_object_that_says_why(changed: dict[str, Any], shown: str) -> None:
    found = check(
        "a deliberate failure ends as a failure object", measured(refused=refused(record=replace(FAILURE, **changed)))
    )
    assert not found.passed
    assert shown in found.found


@pytest.mark.parametrize("refusal", [answer(), no_answer(error="Received server error (500) from primary")])
def test_the_baseline_must_refuse_what_is_no_picture(refusal: Answer) -> None:
    assert not check("the baseline refuses the same request", measured(refused=refused(answer=refusal))).passed


def test_an_ending_found_in_s3_alone_fails_a_wait_that_listened() -> None:
    unheard = [record("1.jpg"), record("2.jpg", notified=False)]
    found = check("every request was notified", measured(records=unheard))
    assert (found.passed, found.found) == (False, "2; 1 endings were found in S3 alone")
    names = [each.name for each in checks_of(measured(records=unheard, listening=False))]
    assert "every request was notified" not in names


@pytest.mark.parametrize(
    ("changed", "removal", "passed"),
    [
        ({}, GONE, True),
        ({}, None, True),
        ({}, LEFT, False),
        ({"async_answers": [answer("1.jpg", scores=(0.5, 0.4, 0.3)), answer("2.jpg")]}, GONE, False),
        ({"async_answers": [no_answer("1.jpg"), answer("2.jpg")]}, GONE, False),
        ({"refused": refused(answer=answer())}, GONE, False),
    ],
)
def test_the_verdict_needs_equal_answers_every_check_and_nothing_left(
    changed: dict[str, Any], removal: Removal | None, passed: bool
) -> None:
    assert verdict_on(measured(**changed), removal).passed is passed


def test_what_was_left_is_among_the_reasons() -> None:
    assert "endpoint mine (it is Creating)" in " ".join(verdict_on(measured(), LEFT).reasons)


@pytest.fixture
def reported(plan: RunPlan) -> Callable[..., Report]:
    manifest = b'{"model_version": "abc", "encoder": {"name": "demo"}}'
    upload(manifest, S3Location(BUCKET, "models/abc/files/manifest.json"))

    def build(removal: Removal | None = GONE, **changed: Any) -> Report:
        return build_report(plan, measured(**changed), Tolerance(), removal, ["stygig nightly"])

    return build


def test_a_report_says_what_was_tested_and_what_was_removed(reported: Callable[..., Report]) -> None:
    report = reported()
    assert (report.run_id, report.model_version, report.encoder) == (RUN_ID, "abc", "demo")
    starts = [(start.endpoint, start.side, start.seconds) for start in report.cold_starts]
    assert starts == [("stygig-real-time-1", "real-time", 12.5), ("stygig-async-1", "asynchronous", 12.5)]
    assert report.machine
    assert report.omissions == ()
    assert (report.teardown, report.left) == (GONE.removed, ())
    assert len(report.invocations) == 3
    assert report.cost
    assert report.verdict.passed


def test_endpoints_that_stay_have_no_cost_and_no_teardown_to_report(reported: Callable[..., Report]) -> None:
    found_there = replace(endpoint("async"), cold_start_seconds=None)
    report = reported(removal=None, asynchronous=found_there)
    assert (report.title, report.cost, report.teardown) == ("Validation", None, ())


def test_a_foreign_artifact_is_reported_as_unknown(plan: RunPlan) -> None:
    report = build_report(plan, measured(), Tolerance(), GONE, [])
    assert (report.model_version, report.encoder) == ("unknown", "unknown")


def test_a_report_has_a_cost_by_the_instances_that_were_counted(plan: RunPlan) -> None:
    gone = (clock.now(), 0)
    counts = {name: InstanceCounts(((gone[0], 1), gone)) for name in ("stygig-async-1", "stygig-real-time-1")}
    report = build_report(plan, measured(), Tolerance(), GONE, [], counts)
    assert report.cost
    assert (report.cost.measured, report.cost.readings, report.cost.run_usd) == (True, 2, report.cost.requests_usd)


def test_an_odd_figure_or_a_lost_connection_costs_no_report_and_no_verdict(
    plan: RunPlan, local_aws_faults: Faults
) -> None:
    local_aws_faults.add(S3Fails(key="models/*", operation="GetObject"))
    late = endpoint("async", asked_at=STARTED + timedelta(days=36500))
    backwards = [record(name, seen_at=STARTED - timedelta(hours=1)) for name in ("1.jpg", "2.jpg")]
    report = build_report(plan, measured(asynchronous=late, records=backwards), Tolerance(), GONE, [])
    assert report.verdict.passed
    assert (report.cost, report.model_version) == (None, "unknown")
    said = [line.split(": left out")[0] for line in report.omissions]
    assert said == ["model version and encoder", "latency of asynchronous end to end", "the cost"]
    assert next(phase.phase for phase in report.latencies if phase.side == "asynchronous") == "submit"


@pytest.fixture
def conclude(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """A function that concludes without Prefect's server, to which the report's artifacts would be sent."""
    monkeypatch.setattr("tasks.report.outcome.publish_report_task", lambda report, files: None)
    files = ReportFiles(*[tmp_path / name for name in ("report.html", "report.json", "report.md", "junit.xml")])
    return lambda report, written=files: concluded(report, written, measured())


def test_a_pass_is_an_outcome(reported: Callable[..., Report], conclude: Callable[[Report], Any]) -> None:
    outcome = conclude(reported())
    assert (outcome.verdict, outcome.requests, outcome.left) == ("PASS", 2, ())
    assert outcome.to_dict()["model_uri"] == MODEL


def test_a_fail_is_an_error_that_carries_the_outcome(
    reported: Callable[..., Report], conclude: Callable[[Report], Any]
) -> None:
    with pytest.raises(ValidationFailedError, match=r"^FAIL: .*Report: .*report\.") as failed:
        conclude(reported(refused=refused(answer=answer())))
    assert failed.value.result.verdict == "FAIL"
    assert failed.value.result.reasons


@pytest.mark.parametrize(("changed", "verdict"), [({}, "PASS"), ({"refused": refused(answer=answer())}, "FAIL")])
def test_a_verdict_without_a_report_is_told_and_is_an_error(
    changed: dict[str, Any], verdict: str, reported: Callable[..., Report], conclude: Callable[..., Any]
) -> None:
    report = reported(**changed)
    unwritten = Unwritten(Path("/reports"), "No space left on device")
    with pytest.raises(StygigError, match=rf"^{verdict}: .*into /reports: No space left .*STYGIG_REPORTS") as raised:
        conclude(report, unwritten)
    assert raised.value.exit_status == 3
    assert raised.value.result.verdict == verdict
    assert raised.value.result.reasons == report.verdict.reasons
    assert raised.value.result.report == ""


def test_what_was_left_outweighs_the_verdict(
    reported: Callable[..., Report], conclude: Callable[[Report], Any]
) -> None:
    with pytest.raises(LeftoverError, match=rf"Left behind: endpoint mine .*`stygig teardown --run-id {RUN_ID}`"):
        conclude(reported(removal=LEFT))


def test_the_recommended_items_are_those_of_all_answers() -> None:
    assert recommended_items([answer(), no_answer(), answer(items=["accessories/hat/9.png"])]) == {
        *ITEMS,
        "accessories/hat/9.png",
    }


def test_what_prefect_does_not_take_costs_no_verdict(
    reported: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def refused(*arguments: Any) -> None:
        raise ConnectionError("no server\x1b")

    monkeypatch.setattr("tasks.report.outcome.publish_report_task", refused)
    monkeypatch.setattr("tasks.report.outcome.run_logger", lambda: logging.getLogger("run"))
    files = ReportFiles(*[tmp_path / name for name in ("report.json", "report.html", "report.md", "junit.xml")])
    assert concluded(reported(), files, measured()).verdict == "PASS"
    assert "could not be shown in Prefect: no server\\x1b" in caplog.text


def test_items_whose_pictures_can_not_be_read_are_reported_without(
    plan: RunPlan, local_aws_faults: Faults, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tasks.report.outcome.run_logger", lambda: logging.getLogger("run"))
    local_aws_faults.add(CallRefused(service="s3", code="AccessDenied", status=403))
    assert item_pictures(measured()) == {}
    assert "the report shows no items' pictures" in caplog.text


def test_names_from_outside_are_escaped_in_what_is_logged_and_printed(
    reported: Callable[..., Report], conclude: Callable[[Report], Any]
) -> None:
    name = "red\x1b[31m.jpg"
    differing = {"baseline_answers": [answer(name)], "async_answers": [no_answer(name)], "records": [record(name)]}
    with pytest.raises(ValidationFailedError, match=r"red\\x1b\[31m\.jpg") as failed:
        conclude(reported(**differing))
    assert str(failed.value).isprintable()
    assert all(reason.isprintable() for reason in failed.value.result.reasons)
