"""Waiting for asynchronous answers: notifications first, S3 as the truth, one deadline.

For each request the wait ends in one of five ways: its notification, its output object, its failure object, the end
of its endpoint, or its expiry. A look into S3 costs one listing for a batch, not one HEAD per object.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from tasks import clock, limits
from tasks.deadline import Deadline, Silence
from tasks.errors import InvocationFailedError, NotFoundError, ServiceUnreachableError
from tasks.exchange.kinds import AnswerKind
from tasks.exchange.request import Request
from tasks.hosting.container_log import log_command
from tasks.hosting.endpoint import Endpoint, describe
from tasks.hosting.notifications import Notification, receive
from tasks.invoking.answer import Answer
from tasks.invoking.endings import ended_as_notified, present, read_answer, with_failure_object
from tasks.invoking.invocation import submit
from tasks.invoking.records import InvocationRecord, State, save_records
from tasks.plan import RunPlan
from tasks.prefect_task import run_logger, task

LATE_NOTIFICATION_SECONDS = 20.0
"""Seconds that a wait goes on listening after S3 has shown every ending: notifications soon follow their objects."""
LONGEST_LISTEN_SECONDS = 5
BETWEEN_DESCRIBES_SECONDS = 5.0
LONGEST_BETWEEN_LOOKS_SECONDS = 15.0
"""The longest pause between looks into S3, in seconds: a lost notification delays an answer by no more."""
LONGEST_WITHOUT_QUEUE_SECONDS = 0.8
"""The same without a queue, for PATIENT_SECONDS: an answer is found within a second of being written."""
PATIENT_SECONDS = 600.0


class Wait:
    """The wait for a batch of requests. It calls `progress(ended, total)` whenever more have ended."""

    def __init__(
        self,
        records: Sequence[InvocationRecord],
        endpoint_name: str,
        queue_url: str,
        deadline: Deadline,
        progress: Callable[[int, int], None] = lambda ended, total: None,
    ) -> None:
        self.records = {record.inference_id: record for record in records}
        self.endpoint_name = endpoint_name
        self.queue_url = queue_url
        self.deadline = deadline
        self.progress = progress
        self.looks = 0
        self.silence = Silence(deadline.clock)
        self.next_look = Deadline(0, deadline.clock)
        self.next_describe = Deadline(BETWEEN_DESCRIBES_SECONDS, deadline.clock)

    @property
    def pending(self) -> list[InvocationRecord]:
        return [record for record in self.records.values() if not record.ended]

    @property
    def unheard(self) -> list[InvocationRecord]:
        return [r for r in self.records.values() if self.queue_url and not r.notified and r.state != "lost"]

    def run(self) -> list[InvocationRecord]:
        """Wait until all have ended and return their records; DeadlineExceededError says how many haven't."""
        # With a queue, its long poll is the pause; without one, the pause between listings grows.
        for _ in self.deadline.polls(first_seconds=0.05, longest_seconds=0.2):
            before = len(self.pending)
            with self.silence.borne():
                self._look()
            if len(self.pending) != before:
                self.progress(len(self.records) - len(self.pending), len(self.records))
            if not self.pending:
                with suppress(ServiceUnreachableError):  # S3 has shown every ending; these only add when they came
                    self.listen_for_the_late()
                return [with_failure_object(record) for record in self.records.values()]
        raise self.deadline.exceeded(
            f"{len(self.records)} asynchronous answers",
            f"{len(self.pending)} have not ended, the oldest {self.pending[0].inference_id}",
            f"`stygig diagnose {self.pending[0].inference_id}` says why; "
            f"`stygig wait {self.pending[0].inference_id}` goes on waiting.",
        )

    def _look(self) -> None:
        """Look wherever an ending may show, each place as often as its turn comes."""
        before = len(self.pending)
        with suppress(ServiceUnreachableError):  # of the queue alone: S3 is the truth
            self.listen(1 if before else 0)
        if len(self.pending) == before and self.next_look.expired:
            self.look_in_s3()
            self.next_look = self.next_look.again(*self._pauses())
        if self.pending and self.next_describe.expired:
            self.look_at_the_endpoint()
            self.give_up_on_the_expired()
            self.next_describe = Deadline(BETWEEN_DESCRIBES_SECONDS, self.deadline.clock)

    def _pauses(self) -> tuple[float, float]:
        """The shortest and the longest pause between looks into S3, in seconds."""
        if not self.queue_url and self.deadline.elapsed_seconds < PATIENT_SECONDS:
            return 0.1, LONGEST_WITHOUT_QUEUE_SECONDS
        return 1.0, LONGEST_BETWEEN_LOOKS_SECONDS

    def listen(self, wait_seconds: int) -> None:
        """Take in all notifications that have arrived; a duplicate changes nothing."""
        while self.queue_url and not self.deadline.expired:
            found = receive(self.queue_url, wait_seconds)
            for note in found:
                self.note(note)
            if not found:
                return
            wait_seconds = 0

    def note(self, note: Notification) -> None:
        record = self.records.get(note.inference_id)
        if record is None or record.notified:  # another run's on a shared topic; SNS and SQS deliver at least once
            return
        record = replace(record, notified=True, received_at=note.received_at, completed_at=note.completed_at)
        if not record.ended:
            record = ended_as_notified(record, note, clock.now())
        self.records[note.inference_id] = record

    def listen_for_the_late(self) -> None:
        late = Deadline(min(LATE_NOTIFICATION_SECONDS, self.deadline.remaining_seconds), self.deadline.clock)
        while self.unheard and not late.expired:
            self.listen(min(LONGEST_LISTEN_SECONDS, 1 + int(late.remaining_seconds)))

    def look_in_s3(self) -> None:
        """Look for the outputs of all pending requests, and for their failure objects."""
        if not self.pending:
            return
        self.looks += 1
        at = clock.now()
        written = present(record.output_location for record in self.pending)
        for record in self.pending:
            if record.output_location in written:
                self.records[record.inference_id] = replace(record, state="completed", seen_at=at)
        failed = present(record.failure_location for record in self.pending if record.failure_location)
        self.silence.broken()
        for record in self.pending:
            if record.failure_location in failed:
                self.records[record.inference_id] = replace(record, state="failed", seen_at=at)

    def look_at_the_endpoint(self) -> None:
        """Give up on all pending requests if the endpoint is gone or Failed: SageMaker's queue went with it."""
        try:
            status = describe(self.endpoint_name)["EndpointStatus"]
        except NotFoundError:
            status = "gone"
        if status in {"gone", limits.DELETING, limits.FAILED}:
            self.look_in_s3()  # it may have answered since the last look
            self._lose(self.pending, "lost", f"endpoint {self.endpoint_name} is {status}")

    def give_up_on_the_expired(self) -> None:
        at = clock.now()
        if any(at > record.give_up_at for record in self.pending):
            self.look_in_s3()
        overdue = [record for record in self.pending if at > record.give_up_at]
        self._lose(overdue, "expired", "neither an output nor a failure within TTL, time-out and margin")

    def _lose(self, records: Iterable[InvocationRecord], state: State, reason: str) -> None:
        for record in records:
            self.records[record.inference_id] = replace(record, state=state, failure_reason=reason, seen_at=clock.now())


@task(name="wait-for-outputs", large=["records"])
def wait_for_outputs_task(
    plan: RunPlan, endpoint_name: str, records: Sequence[InvocationRecord], queue_url: str
) -> list[InvocationRecord]:
    """Wait by one deadline, in the main thread: only there does Python deliver the signal of a cancellation."""
    logger, settings = run_logger(), plan.settings
    deadline = Deadline(settings.request_ttl_seconds + settings.invocation_timeout_seconds + 120)
    wait = Wait(records, endpoint_name, queue_url, deadline, lambda n, of: logger.info("%d of %d ended", n, of))
    ended = wait.run()
    logger.info("all ended after %.1f s and %d looks into S3", deadline.elapsed_seconds, wait.looks)
    save_records(plan, ended)
    return ended


@task(name="smoke-async", task_run_name="smoke-{endpoint.name}")
def smoke_async_task(plan: RunPlan, endpoint: Endpoint, request: Request) -> float:
    """Send one request through the whole path and return its seconds: InService alone does not show that it answers."""
    record = submit(plan, endpoint.name, request)
    queue = endpoint.topics.queue_url if endpoint.topics else ""
    (ended,) = Wait([record], endpoint.name, queue, Deadline(plan.settings.invocation_timeout_seconds)).run()
    answer, _ = read_answer(ended, "bytes")
    if answer.error is not None:
        raise InvocationFailedError(
            f"Endpoint {endpoint.name} is InService but its first answer was {answer.error}. Its log says why: "
            f"`{log_command(endpoint.name)}`."
        )
    run_logger().info("%s answered a smoke invocation in %.1f s", endpoint.name, answer.latency_ms / 1000)
    return answer.latency_ms / 1000


@task(name="read-answers", large=["records"])
def read_answers_task(
    plan: RunPlan, records: Sequence[InvocationRecord], kind: AnswerKind
) -> tuple[list[Answer], list[InvocationRecord]]:
    """Read the answers; return them and the records with their checksums, which are kept in S3."""
    pairs = [read_answer(record, kind) for record in records]
    read = [record for _, record in pairs]
    save_records(plan, read)
    return [answer for answer, _ in pairs], read
