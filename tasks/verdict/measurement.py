"""The measurement of both endpoints, and the figures derived from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean

from tasks.exchange.content import Content
from tasks.exchange.request import Request
from tasks.hosting.endpoint import Endpoint
from tasks.hosting.instance_counts import ASKED_FOR, InstanceCounts
from tasks.invoking.answer import Answer
from tasks.invoking.records import InvocationRecord
from tasks.plan import RunPlan
from tasks.prices import PriceNotFoundError, find_prices
from tasks.verdict.cost import CostEstimate, Requests, instance_seconds
from tasks.verdict.latency import PhaseLatency, latency_by_phase, model_ms
from tasks.verdict.omissions import Omissions

AROUND_EACH = Requests(s3_puts=2, s3_gets=3, sns_publishes=1, sqs_requests=2)
"""Requests to other services per asynchronous request: its input, answer, looks for it, and notification."""


@dataclass(frozen=True)
class Refused:
    """A request that had to fail, and what became of it on both sides."""

    request: Request
    answer: Answer
    record: InvocationRecord


@dataclass(frozen=True)
class Measurement:
    """Everything that came back. `refused` are the requests that had to fail, the other fields have the rest.

    `repeats` has the baseline's further answers, one sequence for each time that it was asked again.
    """

    baseline: Endpoint
    asynchronous: Endpoint
    requests: Sequence[Request] = field(repr=False)
    baseline_answers: Sequence[Answer]
    async_answers: Sequence[Answer]
    records: Sequence[InvocationRecord]
    refused: Sequence[Refused]
    listening: bool
    repeats: Sequence[Sequence[Answer]] = ()


def measurement(
    baseline: Endpoint,
    asynchronous: Endpoint,
    requests: Sequence[Request],
    baseline_answers: Sequence[Answer],
    async_answers: Sequence[Answer],
    records: Sequence[InvocationRecord],
    repeats: Sequence[Sequence[Answer]] = (),
    *,
    listening: bool,
) -> Measurement:
    """Put the answers together, row-aligned with the requests; those to requests that must fail go apart."""
    rows = list(zip(requests, baseline_answers, async_answers, records, strict=True))
    compared = [row for row in rows if not row[0].refused]
    return Measurement(
        baseline=baseline,
        asynchronous=asynchronous,
        requests=[request for request, *_ in compared],
        baseline_answers=[answer for _, answer, _, _ in compared],
        async_answers=[answer for _, _, answer, _ in compared],
        records=[record for *_, record in compared],
        refused=[Refused(request, answer, record) for request, answer, _, record in rows if request.refused],
        listening=listening,
        repeats=repeats,
    )


def latencies_of(measured: Measurement, omissions: Omissions) -> tuple[PhaseLatency, ...]:
    done = [record for record in measured.records if record.state == "completed"]
    real_time, asynchronous = (_responses(a) for a in (measured.baseline_answers, measured.async_answers))
    stages = [[response.stages_ms for response in each.values()] for each in (real_time, asynchronous)]
    round_trips = {a.request: a.latency_ms for a in measured.baseline_answers if a.error is None}
    processed = {r.request: _processed_ms(r) for r in done if r.completed_at and r.received_at}
    return latency_by_phase(
        real_time_round_trip_ms=list(round_trips.values()),
        real_time_queue_ms=_besides_the_model(round_trips, real_time),
        submit_ms=[record.submit_ms for record in measured.records],
        queue_and_processing_ms=list(processed.values()),
        asynchronous_queue_ms=_besides_the_model(processed, asynchronous),
        end_to_end_ms=[(r.seen_at - r.submitted_at).total_seconds() * 1000 for r in done if r.seen_at],
        real_time_stages_ms=stages[0],
        asynchronous_stages_ms=stages[1],
        omissions=omissions,
    )


def _responses(answers: Sequence[Answer]) -> dict[str, Content]:
    return {answer.request: answer.response for answer in answers if answer.response}


def _processed_ms(record: InvocationRecord) -> float:
    """The milliseconds from received to completed; at least 0: the service's clock may be set back in between."""
    assert record.completed_at
    assert record.received_at
    return max(0.0, (record.completed_at - record.received_at).total_seconds() * 1000)


def _besides_the_model(took_ms: Mapping[str, float], responses: Mapping[str, Content]) -> list[float]:
    """The milliseconds besides the model; at least 0: two clocks are compared, one of them in whole ms."""
    known = {name: model_ms(response.stages_ms) for name, response in responses.items() if response.stages_ms}
    return [max(0.0, took_ms[name] - known[name]) for name in took_ms if name in known]


def cost_of(
    plan: RunPlan, measured: Measurement, until: datetime, counts: Mapping[str, InstanceCounts]
) -> CostEstimate | None:
    """The cost of both endpoints by their instance counts, from the requests for them on; None if no price is known.

    If the counts of either were not read all the time, one instance each is assumed until the end.
    """
    try:
        prices = find_prices(plan.region, measured.asynchronous.instance_type)
    except PriceNotFoundError:
        return None
    endpoints = (measured.asynchronous, measured.baseline)
    unread = "; ".join(dict.fromkeys(why for each in endpoints if (why := _unread(counts.get(each.name), until))))
    assumed = {each.name: InstanceCounts(((each.asked_at, ASKED_FOR),)) for each in endpoints}
    used = assumed if unread else counts
    spent = [instance_seconds(used[each.name].counts, until) for each in endpoints]
    sent = len(measured.records) + len(measured.refused)  # those that had to fail bill, too
    # A model that doesn't say how long it computed took at most as long as the round trip.
    round_trips = [each.latency_ms / 1000 for each in measured.baseline_answers if each.error is None]
    round_trip_seconds = fmean(round_trips) if round_trips else 0.0
    return CostEstimate(
        prices=prices,
        async_instance_seconds=spent[0],
        baseline_instance_seconds=spent[1],
        requests=AROUND_EACH.times(sent),
        sent=sent,
        async_model_seconds=_model_seconds(measured.async_answers) or round_trip_seconds,
        baseline_model_seconds=_model_seconds(measured.baseline_answers) or round_trip_seconds,
        readings=sum(used[each.name].readings for each in endpoints),
        unread=unread,
    )


def _unread(counts: InstanceCounts | None, until: datetime) -> str:
    return counts.unread(until) if counts else "they were not read"


def _model_seconds(answers: Sequence[Answer]) -> float:
    """The model's average seconds per response, as these report it; 0 if none does."""
    took = [model_ms(each.stages_ms) / 1000 for each in _responses(answers).values() if each.stages_ms]
    return fmean(took) if took else 0.0
