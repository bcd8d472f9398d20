"""The report on a measurement, and the outcome of a validation."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tasks import clock
from tasks.errors import IncomparableError, LeftoverError, NotFoundError, StygigError, ValidationFailedError
from tasks.exchange.json_content import never_ignored
from tasks.exchange.tolerance import Tolerance
from tasks.hosting.instance_counts import InstanceCounts
from tasks.invoking.answer import Answer
from tasks.packaging.published import read_manifest
from tasks.packaging.thumbnails import read_thumbnails
from tasks.plain_text import visible
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.report.folder import Unwritten
from tasks.report.machine import this_machine
from tasks.report.report import Report
from tasks.report.retention import remove_old_reports
from tasks.report.writing import ReportFiles, publish_report_task, write_report
from tasks.resources.teardown import Removal
from tasks.settings import Settings
from tasks.verdict.checks import checks_of, judged
from tasks.verdict.cold_start import ColdStart, cold_start_of
from tasks.verdict.comparison import compare_answers, pair_answers
from tasks.verdict.cost import CostEstimate
from tasks.verdict.measurement import Measurement, cost_of, latencies_of
from tasks.verdict.omissions import Omissions

__all__ = [
    "Measurement",
    "Outcome",
    "build_report",
    "checks_of",
    "concluded",
    "fetch_item_pictures_task",
    "item_pictures",
    "judged",
    "recommended_items",
    "write_report_task",
]

NO_COUNTS: Mapping[str, InstanceCounts] = MappingProxyType({})


@dataclass(frozen=True)
class Outcome:
    """The outcome of a validation, which a command prints and a caller gets."""

    run_id: str
    verdict: str
    reasons: tuple[str, ...]
    report: str
    """The path of the page; empty if it could not be written."""
    requests: int
    asked: str
    """The number of requests in words, as in "24 pictures"."""
    model_uri: str
    left: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Endpoints that were meant to stay; they bill."""

    def to_dict(self) -> dict[str, Any]:
        return self.__dict__ | {"reasons": list(self.reasons), "left": list(self.left), "kept": list(self.kept)}


def build_report(
    plan: RunPlan,
    measured: Measurement,
    tolerance: Tolerance,
    removal: Removal | None,
    reproduce: Sequence[str],
    instances: Mapping[str, InstanceCounts] = NO_COUNTS,
) -> Report:
    """Build the report; `removal` is None if the endpoints stay, `instances` has the counts by endpoint name.

    A figure that can't be worked out is left out, and the report says so: it must not cost the verdict.
    """
    finished, omissions = clock.now(), Omissions()
    comparisons = compare_answers(measured.baseline_answers, measured.async_answers, tolerance, measured.repeats)
    omissions.lines += never_ignored(tolerance, (each.response for each in measured.baseline_answers))
    manifest = omissions.unless_odd("model version and encoder", lambda: _manifest(measured), {})
    return Report(
        run_id=plan.run_id,
        title="Nightly validation" if removal is not None else "Validation",
        started_at=plan.started_at,
        finished_at=finished,
        region=plan.region,
        settings=plan.settings.masked(),
        artifact_uri=measured.asynchronous.model_uri,
        model_version=manifest.get("model_version", "unknown"),
        encoder=manifest.get("encoder", {}).get("name", "unknown"),
        baseline_endpoint=measured.baseline.name,
        async_endpoint=measured.asynchronous.name,
        instance_type=measured.asynchronous.instance_type,
        baseline_instance_type=measured.baseline.instance_type,
        machine=omissions.unless_odd("the client machine", this_machine, None),
        verdict=judged(measured, comparisons, removal),
        comparisons=comparisons,
        answers=pair_answers(measured.baseline_answers, measured.async_answers),
        latencies=omissions.unless_odd("latencies", lambda: latencies_of(measured, omissions), ()),
        cold_starts=omissions.unless_odd("cold starts", lambda: _cold_starts(measured), ()),
        cost=omissions.unless_odd("the cost", lambda: _cost(plan, measured, finished, instances), None),
        invocations=[record.to_dict() for record in (*measured.records, *(each.record for each in measured.refused))],
        teardown=removal.removed if removal else (),
        left=removal.left if removal else (),
        reproduce=tuple(reproduce),
        omissions=tuple(omissions.lines),
    )


@task(name="build-report", large=["measured"])
def build_report_task(
    plan: RunPlan,
    measured: Measurement,
    tolerance: Tolerance,
    removal: Removal | None,
    reproduce: Sequence[str],
    instances: Mapping[str, InstanceCounts] = NO_COUNTS,
) -> Report:
    """Read the manifest and the containers' logs, judge, and build the report."""
    return build_report(plan, measured, tolerance, removal, reproduce, instances)


def _manifest(measured: Measurement) -> Mapping[str, Any]:
    try:
        return read_manifest(measured.asynchronous.model_uri)
    except NotFoundError:  # an artifact that our packaging didn't make
        return {}


def _cold_starts(measured: Measurement) -> tuple[ColdStart, ...]:
    found = (cold_start_of(endpoint) for endpoint in (measured.baseline, measured.asynchronous))
    return tuple(start for start in found if start)


def _cost(
    plan: RunPlan, measured: Measurement, until: datetime, instances: Mapping[str, InstanceCounts]
) -> CostEstimate | None:
    """The run's cost; None if the endpoints were there before: what they cost isn't this run's alone."""
    made = measured.asynchronous.cold_start_seconds is not None
    return cost_of(plan, measured, until, instances) if made else None


def recommended_items(answers: Sequence[Answer]) -> set[str]:
    return {tile.item_id for answer in answers if answer.response for tile in answer.response.shown.tiles}


@task(name="write-report", large=["report", "measured", "item_pictures"])
def write_report_task(
    report: Report, measured: Measurement, item_pictures: Mapping[str, bytes], settings: Settings, junit: str = ""
) -> ReportFiles | Unwritten:
    """Write the report, with a copy of its JUnit file at `junit` if that is named; remove reports that are too old.

    If the folder can't be written any more, return why: the paid-for results are told anyway.
    """
    folder = settings.reports
    queries = {request.name: request.picture for request in measured.requests if request.picture}
    try:
        files = write_report(report, folder, queries, item_pictures)
    except OSError as exc:
        unwritten = Unwritten(folder, exc.strerror or str(exc))
        run_logger().error("%s", unwritten)
        return unwritten
    if junit:
        try:
            shutil.copyfile(files.junit, junit)
        except OSError as exc:
            run_logger().error("%s could not be written: %s; the same lies in %s", junit, exc.strerror, files.junit)
    run_logger().info("report: %s", files.html)
    if removed := remove_old_reports(folder, report.finished_at, settings.retention_days):
        run_logger().info("removed %d reports older than %d days", len(removed), settings.retention_days)
    return files


def item_pictures(measured: Measurement) -> dict[str, bytes]:
    """The recommended items' pictures that can be read; the page has a placeholder for a missing one."""
    wanted = recommended_items([*measured.baseline_answers, *measured.async_answers])
    if not wanted:
        return {}
    uris = dict.fromkeys((measured.asynchronous.model_uri, measured.baseline.model_uri))
    try:
        return {name: content for uri in uris for name, content in read_thumbnails(uri, wanted).items()}
    except StygigError as exc:
        run_logger().warning("the report shows no items' pictures: %s", visible(str(exc)))
        return {}


@task(name="fetch-item-pictures", only_reads=True, large=["measured"])
def fetch_item_pictures_task(measured: Measurement) -> dict[str, bytes]:
    return item_pictures(measured)


def concluded(report: Report, files: ReportFiles | Unwritten, measured: Measurement, kept: bool = False) -> Outcome:
    """Publish the report and return the outcome; raise on a FAIL, so that the run fails, but only now.

    A PASS without a report is an error, too: nobody could look at it. Each error carries the outcome.
    """
    _publish(report, files)
    outcome = Outcome(
        run_id=report.run_id,
        verdict=report.verdict.word,
        reasons=tuple(visible(reason) for reason in report.verdict.reasons),
        report=str(files.html) if isinstance(files, ReportFiles) else "",
        requests=len(measured.requests),
        asked=report.words.count(len(measured.requests)),
        model_uri=report.artifact_uri,
        left=tuple(visible(line) for line in report.left),
        kept=(measured.baseline.name, measured.asynchronous.name) if kept else (),
    )
    if outcome.left:
        advice = f"`stygig teardown --run-id {report.run_id}` tries again. {files}"
        raise LeftoverError(f"Left behind: {'; '.join(outcome.left)}. {advice}", outcome)
    ended = f"{outcome.verdict}: {'; '.join(outcome.reasons)}. {files}"
    if isinstance(files, Unwritten):
        raise StygigError(ended, outcome)
    if report.verdict.incomparable:
        raise IncomparableError(ended, outcome)
    if not report.verdict.passed:
        raise ValidationFailedError(ended, outcome)
    return outcome


def _publish(report: Report, files: ReportFiles | Unwritten) -> None:
    """Show the report in Prefect; a failure is only logged: files and verdict exist without it."""
    try:
        publish_report_task(report, files)
    except Exception as exc:  # the errors of Prefect's client and server have no common base
        run_logger().error("the report could not be shown in Prefect: %s", visible(str(exc)))
