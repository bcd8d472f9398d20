"""The checks besides equal answers, and the verdict on all of it."""

from collections.abc import Sequence

from tasks.invoking.answer import Answer
from tasks.invoking.records import InvocationRecord
from tasks.resources.teardown import Removal
from tasks.verdict.comparison import PictureComparison
from tasks.verdict.judgement import Check, Verdict, judge
from tasks.verdict.measurement import Measurement


def checks_of(measured: Measurement) -> tuple[Check, ...]:
    """The checks that a measurement has to pass besides equal answers."""
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
    """Check that the one request without a picture ended as a failure that says why."""
    found = f"{failure.state}: {failure.failure_object or 'no failure object; ' + failure.failure_reason}"
    passed = failure.state == "failed" and failure.failure_object.startswith("not_an_image")
    expected = "a failure object whose error is not_an_image"
    return Check("a deliberate failure ends as a failure object", passed, expected, found)


def _baseline_refused(answer: Answer) -> Check:
    passed = answer.error is not None and "(400)" in answer.error
    # SageMaker appends a link to the endpoint's log.
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


def judged(measured: Measurement, comparisons: Sequence[PictureComparison], removal: Removal | None) -> Verdict:
    checks = list(checks_of(measured))
    if removal is not None:
        found = "; ".join(removal.left) or f"nothing: {len(removal.removed)} removed, each looked for again"
        checks.append(Check("nothing is left running", not removal.left, "nothing", found))
    return judge(comparisons, checks)
