"""The measurement of both endpoints, and the figures derived from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean

from recommender.schema import Response
from tasks.hosting.endpoint import Endpoint
from tasks.hosting.instance_counts import ASKED_FOR, InstanceCounts
from tasks.invoking.answer import Answer
from tasks.invoking.records import InvocationRecord
from tasks.pictures.queries import Picture
from tasks.plan import RunPlan
from tasks.prices import PriceNotFoundError, find_prices
from tasks.verdict.cost import CostEstimate, Requests, instance_seconds
from tasks.verdict.latency import PhaseLatency, latency_by_phase, model_ms
from tasks.verdict.omissions import Omissions

AROUND_EACH = Requests(s3_puts=2, s3_gets=3, sns_publishes=1, sqs_requests=2)
"""Requests to other services per asynchronous request: its input, answer, looks for it, and notification."""


@dataclass(frozen=True)
class Measurement:
    """Everything that came back. `failure` and `baseline_refusal` belong to the request that had to fail."""

    baseline: Endpoint
    asynchronous: Endpoint
    pictures: Sequence[Picture] = field(repr=False)
    baseline_answers: Sequence[Answer]
    async_answers: Sequence[Answer]
    records: Sequence[InvocationRecord]
    failure: InvocationRecord
    baseline_refusal: Answer
    listening: bool


def latencies_of(measured: Measurement, omissions: Omissions) -> tuple[PhaseLatency, ...]:
    done = [record for record in measured.records if record.state == "completed"]
    real_time, asynchronous = (_responses(a) for a in (measured.baseline_answers, measured.async_answers))
    round_trips = {a.picture: a.latency_ms for a in measured.baseline_answers if a.error is None}
    processed = {r.picture: _processed_ms(r) for r in done if r.completed_at and r.received_at}
    return latency_by_phase(
        real_time_round_trip_ms=list(round_trips.values()),
        real_time_queue_ms=_besides_the_model(round_trips, real_time),
        submit_ms=[record.submit_ms for record in measured.records],
        queue_and_processing_ms=list(processed.values()),
        asynchronous_queue_ms=_besides_the_model(processed, asynchronous),
        end_to_end_ms=[(r.seen_at - r.submitted_at).total_seconds() * 1000 for r in done if r.seen_at],
        real_time_responses=list(real_time.values()),
        asynchronous_responses=list(asynchronous.values()),
        omissions=omissions,
    )


def _responses(answers: Sequence[Answer]) -> dict[str, Response]:
    return {answer.picture: answer.response for answer in answers if answer.response}


def _processed_ms(record: InvocationRecord) -> float:
    """The milliseconds from received to completed; at least 0: the service's clock may be set back in between."""
    assert record.completed_at
    assert record.received_at
    return max(0.0, (record.completed_at - record.received_at).total_seconds() * 1000)


def _besides_the_model(took_ms: Mapping[str, float], responses: Mapping[str, Response]) -> list[float]:
    """The milliseconds besides the model; at least 0: two clocks are compared, one of them in whole ms."""
    return [max(0.0, took_ms[name] - model_ms(responses[name])) for name in took_ms if name in responses]


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
    sent = len(measured.records) + 1  # the one that had to fail bills, too
    return CostEstimate(
        prices=prices,
        async_instance_seconds=spent[0],
        baseline_instance_seconds=spent[1],
        requests=AROUND_EACH.times(sent),
        sent=sent,
        async_model_seconds=_model_seconds(measured.async_answers),
        baseline_model_seconds=_model_seconds(measured.baseline_answers),
        readings=sum(used[each.name].readings for each in endpoints),
        unread=unread,
    )


def _unread(counts: InstanceCounts | None, until: datetime) -> str:
    return counts.unread(until) if counts else "they were not read"


def _model_seconds(answers: Sequence[Answer]) -> float:
    """The model's average seconds per response; 0 without responses."""
    took = [model_ms(response) / 1000 for response in _responses(answers).values()]
    return fmean(took) if took else 0.0
