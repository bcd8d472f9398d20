"""The checks besides equal answers, and the verdict on all of it."""

from collections.abc import Iterator, Sequence

from tasks.exchange.content import shortened
from tasks.invoking.records import InvocationRecord
from tasks.resources.teardown import Removal
from tasks.verdict.comparison import RequestComparison
from tasks.verdict.judgement import NOT_ASKED, Check, Verdict, judge
from tasks.verdict.measurement import Measurement, Refused


def checks_of(measured: Measurement) -> tuple[Check, ...]:
    """The checks that a measurement has to pass besides equal answers."""
    checks = [_every_request_ended(measured.records)]
    checks += _refusals(measured)
    if measured.listening:
        checks.append(_all_notified([*measured.records, *(each.record for each in measured.refused)]))
    return tuple(checks)


def _every_request_ended(records: Sequence[InvocationRecord]) -> Check:
    states = sorted({record.state for record in records if record.state != "completed"})
    completed = sum(record.state == "completed" for record in records)
    found = f"{completed} of {len(records)} completed" + (f", others {', '.join(states)}" if states else "")
    return Check("every asynchronous request completed", completed == len(records), f"{len(records)} completed", found)


ASYNC_REFUSAL = "a deliberate failure ends as a failure object"
BASELINE_REFUSAL = "the baseline refuses the same request"


def _refusals(measured: Measurement) -> Iterator[Check]:
    """Yield the checks on the requests that must fail; "not asked" if there are none."""
    if not measured.refused:
        yield Check(ASYNC_REFUSAL, None, "a request that must fail", NOT_ASKED)
        yield Check(BASELINE_REFUSAL, None, "a request that must fail", NOT_ASKED)
    for each in measured.refused:
        named = f": {each.request.name}" if len(measured.refused) > 1 else ""
        yield _failure_object(each, ASYNC_REFUSAL + named)
        yield _baseline_refused(each, BASELINE_REFUSAL + named)


def _failure_object(refused: Refused, name: str) -> Check:
    """Check that a request which must fail ended as a failure that says why."""
    record, wanted = refused.record, refused.request.refusal
    instead = "; ".join(filter(None, ("no failure object", record.failure_reason)))
    found = f"{record.state}: {record.failure_object or instead}"
    passed = record.state == "failed" and bool(record.failure_object) and wanted in record.failure_object
    expected = f"a failure object whose error is {wanted}" if wanted else "a failure object"
    return Check(name, passed, expected, _first_words(found))


def _baseline_refused(refused: Refused, name: str) -> Check:
    answer, wanted = refused.answer, "(400)" if refused.request.refusal else ""
    passed = answer.error is not None and wanted in answer.error
    # SageMaker appends a link to the endpoint's log.
    found = answer.error.partition(" See https:")[0] if answer.error else "an answer: not refused"
    expected = f"client error {wanted}" if wanted else "an error of the model"
    return Check(name, passed, expected, _first_words(found))


def _first_words(text: str) -> str:
    """So much of it as fits a table, in one line: what a handler raised may bring its traceback along."""
    return shortened(" ".join(text.replace("\\n", "\n").partition("\nTraceback")[0].split()))


def _all_notified(records: Sequence[InvocationRecord]) -> Check:
    heard = sum(record.notified for record in records)
    return Check(
        "every request was notified",
        heard == len(records),
        f"{len(records)} notifications",
        f"{heard}" + (f"; {len(records) - heard} endings were found in S3 alone" if heard < len(records) else ""),
    )


def judged(measured: Measurement, comparisons: Sequence[RequestComparison], removal: Removal | None) -> Verdict:
    checks = list(checks_of(measured))
    if removal is not None:
        found = "; ".join(removal.left) or f"nothing: {len(removal.removed)} removed, each looked for again"
        checks.append(Check("nothing is left running", not removal.left, "nothing", found))
    return judge(comparisons, checks)
