"""The cost of a run, from measured instance-seconds and dated prices.

    endpoint   = instance-seconds / 3600 × price per hour     launch to termination, whatever happens in between
    requests   = S3 PUTs and GETs, SNS publishes, SQS requests × their prices

An asynchronous request has no fee of its own. Free tiers, storage of the endpoint's volume and taxes are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from itertools import pairwise

from tasks.prices import Prices

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Requests:
    """The numbers of requests to the services around the endpoint."""

    s3_puts: int = 0
    s3_gets: int = 0
    sns_publishes: int = 0
    sqs_requests: int = 0

    def times(self, number: float) -> Requests:
        """The numbers times `number`, rounded to whole requests."""
        return Requests(*(round(number * each) for each in astuple(self)))


@dataclass(frozen=True)
class CostEstimate:
    """Instance-seconds and requests of one run, with their prices; `readings` tells measured from assumed ones."""

    prices: Prices
    async_instance_seconds: float
    baseline_instance_seconds: float
    requests: Requests
    sent: int = 1
    """Requests sent to each endpoint."""
    async_model_seconds: float = 0.0
    """The model's average seconds for one of them."""
    baseline_model_seconds: float = 0.0
    readings: int = 0
    """Readings of the instance counts; 0 if one instance each was assumed from the request to the end."""
    unread: str = "they were not read"
    """The reason for that assumption."""

    @property
    def measured(self) -> bool:
        """True if the instance-seconds come from counts that were read."""
        return self.readings > 0

    @property
    def async_usd(self) -> float:
        """The price of the asynchronous endpoint's instances in this run."""
        return instances_usd(self.async_instance_seconds, self.prices)

    @property
    def baseline_usd(self) -> float:
        """The price of the real-time baseline's instances in this run."""
        return instances_usd(self.baseline_instance_seconds, self.prices)

    @property
    def requests_usd(self) -> float:
        """The price of the requests to S3, SNS and SQS in this run."""
        return requests_usd(self.requests, self.prices)

    @property
    def run_usd(self) -> float:
        """The price of the whole run: both endpoints and the requests."""
        return self.async_usd + self.baseline_usd + self.requests_usd


def instances_usd(instance_seconds: float, prices: Prices) -> float:
    """The price of that many instance-seconds."""
    if instance_seconds < 0:
        raise ValueError(f"instance-seconds are {instance_seconds}; an instance can't run for less than no time")
    return instance_seconds / SECONDS_PER_HOUR * prices.hosting_usd_per_hour


def requests_usd(requests: Requests, prices: Prices) -> float:
    """The price of the requests, without free tiers."""
    return (
        requests.s3_puts / 1e3 * prices.s3_put_usd_per_thousand
        + requests.s3_gets / 1e3 * prices.s3_get_usd_per_thousand
        + requests.sns_publishes / 1e6 * prices.sns_publish_usd_per_million
        + requests.sqs_requests / 1e6 * prices.sqs_request_usd_per_million
    )


def instance_seconds(counts: Sequence[tuple[datetime, int]], until: datetime) -> float:
    """The instance-seconds of an endpoint whose instance count was read at these times, in order.

    Each reading holds until the next one, and the last until `until`.
    """
    times = [time for time, _ in counts] + [until]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise ValueError(f"instance counts are not in order of time, or go on after {until.isoformat()}")
    return sum(count * (end - start).total_seconds() for (start, count), end in zip(counts, times[1:], strict=True))
