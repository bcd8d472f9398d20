"""What was measured on both endpoints, the checks it has to pass, and the report on it. All pure but the last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks import clock
from tasks.comparison import Answer, Check, Tolerance, Verdict, compare_answers, judge, pair_answers
from tasks.cost import CostEstimate, Requests, find_prices, instance_seconds
from tasks.endpoint import Endpoint
from tasks.errors import InputError, LeftoverError, NotFoundError, StygigError, ValidationFailedError
from tasks.invocation import InvocationRecord
from tasks.latency import PhaseLatency, latency_by_phase
from tasks.model import read_manifest
from tasks.pictures import Picture
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task
from tasks.report import Report, ReportFiles, publish_artifacts, write_report
from tasks.report_folder import Unwritten
from tasks.teardown import Removal
from tasks.thumbnails import read_thumbnails


@dataclass(frozen=True)
class Measurement:
    """Everything that came back. `failure` and `baseline_refusal` are of the request that had to fail."""

    baseline: Endpoint
    asynchronous: Endpoint
    pictures: Sequence[Picture] = field(repr=False)
    baseline_answers: Sequence[Answer]
    async_answers: Sequence[Answer]
    records: Sequence[InvocationRecord]
    failure: InvocationRecord
    baseline_refusal: Answer
    listening: bool
    finished_at: datetime = field(default_factory=clock.now)


@dataclass(frozen=True)
class Outcome:
    """How a validation ended: what a command prints and a caller gets."""

    run_id: str
    verdict: str
    reasons: tuple[str, ...]
    report: str
    """The page; empty if it could not be written."""
    pictures: int
    model_uri: str
    left: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """Endpoints that were meant to stay; they bill."""

    def to_dict(self) -> dict[str, Any]:
        return self.__dict__ | {"reasons": list(self.reasons), "left": list(self.left), "kept": list(self.kept)}


def checks_of(measured: Measurement) -> tuple[Check, ...]:
    """What must hold beside equal answers."""
    checks = [_every_request_ended(measured.records), _failure_object(measured.failure)]
    checks.append(_baseline_refused(measured.baseline_refusal))
    if measured.listening:
        checks.append(_all_notified([*measured.records, measured.failure]))
    return tuple(checks)


def _every_request_ended(records: Sequence[InvocationRecord]) -> Check:
    states = sorted({record.state for record in records if record.state != "completed"})
    completed = sum(record.state == "completed" for record in records)
    found = f"{completed} of {len(records)} completed" + (f", others {', '.join(states)}" if states else "")
    return Check("every asynchronous request completed", completed == len(records), f"{len(records)} completed", found)


def _failure_object(failure: InvocationRecord) -> Check:
    """The one request that is no picture must end as a failure that says why."""
    found = f"{failure.state}: {failure.failure_object or 'no failure object; ' + failure.failure_reason}"
    passed = failure.state == "failed" and failure.failure_object.startswith("not_an_image")
    expected = "a failure object whose error is not_an_image"
    return Check("a deliberate failure ends as a failure object", passed, expected, found)


def _baseline_refused(answer: Answer) -> Check:
    passed = answer.error is not None and "(400)" in answer.error
    found = answer.error.partition(" See https:")[0] if answer.error else "an answer: not refused"
    return Check("the baseline refuses the same request", passed, "client error (400)", found)


def _all_notified(records: Sequence[InvocationRecord]) -> Check:
    heard = sum(record.notified for record in records)
    return Check(
        "every request was notified",
        heard == len(records),
        f"{len(records)} notifications",
        f"{heard}" + (f"; {len(records) - heard} endings were found in S3 alone" if heard < len(records) else ""),
    )


def latencies_of(measured: Measurement) -> tuple[PhaseLatency, ...]:
    done = [record for record in measured.records if record.state == "completed"]
    return latency_by_phase(
        real_time_round_trip_ms=[a.latency_ms for a in measured.baseline_answers if a.error is None],
        submit_ms=[record.submit_ms for record in measured.records],
        queue_and_processing_ms=[
            # Both are the service's times of day, and its clock, too, may be set back between them.
            max(0.0, (r.completed_at - r.received_at).total_seconds() * 1000)
            for r in done
            if r.completed_at and r.received_at
        ],
        end_to_end_ms=[(r.seen_at - r.submitted_at).total_seconds() * 1000 for r in done if r.seen_at],
        real_time_responses=[a.response for a in measured.baseline_answers if a.response],
        asynchronous_responses=[a.response for a in measured.async_answers if a.response],
    )


def cost_of(plan: RunPlan, measured: Measurement, until: datetime) -> CostEstimate | None:
    """From the request for each endpoint until it was gone, one instance each; None where no price is known."""
    try:
        prices = find_prices(plan.region, measured.asynchronous.instance_type)
    except InputError:
        return None
    sent = len(measured.records) + 1
    return CostEstimate(
        prices=prices,
        async_instance_seconds=instance_seconds([(measured.asynchronous.asked_at, 1)], until),
        baseline_instance_seconds=instance_seconds([(measured.baseline.asked_at, 1)], until),
        requests=Requests(s3_puts=2 * sent, s3_gets=3 * sent, sns_publishes=sent, sqs_requests=2 * sent),
    )


def judged(measured: Measurement, tolerance: Tolerance, removal: Removal | None) -> Verdict:
    comparisons = compare_answers(measured.baseline_answers, measured.async_answers, tolerance)
    checks = list(checks_of(measured))
    if removal is not None:
        found = "; ".join(removal.left) or f"nothing: {len(removal.removed)} removed, each looked for again"
        checks.append(Check("nothing is left running", not removal.left, "nothing", found))
    return judge(comparisons, checks)


def build_report(
    plan: RunPlan, measured: Measurement, tolerance: Tolerance, removal: Removal | None, reproduce: Sequence[str]
) -> Report:
    """The report; `removal` is None where the endpoints were there before and stay."""
    try:
        manifest = read_manifest(measured.asynchronous.model_uri)
    except NotFoundError:
        manifest = {}
    finished = clock.now()
    endpoints = (measured.baseline, measured.asynchronous)
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
        verdict=judged(measured, tolerance, removal),
        comparisons=compare_answers(measured.baseline_answers, measured.async_answers, tolerance),
        answers=pair_answers(measured.baseline_answers, measured.async_answers),
        latencies=latencies_of(measured),
        cold_starts={e.name: e.cold_start_seconds for e in endpoints if e.cold_start_seconds is not None},
        cost=cost_of(plan, measured, finished) if measured.asynchronous.cold_start_seconds is not None else None,
        invocations=[record.to_dict() for record in (*measured.records, measured.failure)],
        teardown=removal.removed if removal else (),
        left=removal.left if removal else (),
        reproduce=tuple(reproduce),
    )


def recommended_items(answers: Sequence[Answer]) -> set[str]:
    return {item.item_id for answer in answers if answer.response for item in answer.response.recommendations}


@task(name="write-report")
def write_report_task(
    report: Report, measured: Measurement, item_pictures: Mapping[str, bytes], folder: Path
) -> ReportFiles | Unwritten:
    """Where the folder can't be written any more, says why: what was measured and paid for is told without a report."""
    queries = {picture.name: picture.content for picture in measured.pictures}
    try:
        files = write_report(report, folder, queries, item_pictures)
    except OSError as exc:
        unwritten = Unwritten(folder, exc.strerror or str(exc))
        run_logger().error("%s", unwritten)
        return unwritten
    run_logger().info("report: %s", files.html)
    return files


@task(name="fetch-item-pictures")
def item_pictures_task(measured: Measurement) -> dict[str, bytes]:
    wanted = recommended_items([*measured.baseline_answers, *measured.async_answers])
    uris = dict.fromkeys((measured.asynchronous.model_uri, measured.baseline.model_uri))
    return {name: content for uri in uris for name, content in read_thumbnails(uri, wanted).items()}


def concluded(report: Report, files: ReportFiles | Unwritten, measured: Measurement, kept: bool = False) -> Outcome:
    """The outcome; a FAIL raises it, so that the run fails, but only now, with everything written.

    A PASS without a report is an error too: nobody could look at it.
    """
    publish_artifacts(report, files)
    outcome = Outcome(
        run_id=report.run_id,
        verdict="PASS" if report.verdict.passed else "FAIL",
        reasons=report.verdict.reasons,
        report=str(files.html) if isinstance(files, ReportFiles) else "",
        pictures=len(measured.pictures),
        model_uri=report.artifact_uri,
        left=report.left,
        kept=(measured.baseline.name, measured.asynchronous.name) if kept else (),
    )
    if report.left:
        advice = f"`stygig teardown --run-id {report.run_id}` tries again. {files}"
        raise LeftoverError(f"Left behind: {'; '.join(report.left)}. {advice}", outcome)
    ended = f"{outcome.verdict}: {'; '.join(outcome.reasons)}. {files}"
    if isinstance(files, Unwritten):
        raise StygigError(ended, outcome)
    if not report.verdict.passed:
        raise ValidationFailedError(ended, outcome)
    return outcome
