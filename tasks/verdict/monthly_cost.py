"""The cost of a month, on demand and always on, for work that comes in bursts.

on demand  = (requests × their seconds + bursts × overhead) / 3600 × price per hour + requests around + storage
always on  = 720 hours × price per hour × 1 instance
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.prices import Prices
from tasks.verdict.cost import SECONDS_PER_HOUR, CostEstimate, Requests, instances_usd, requests_usd

SECONDS_PER_DAY = 86_400
HOURS_PER_DAY = 24
DAYS_PER_MONTH = 30
NONE_AROUND = Requests()
BURSTS_PER_DAY = (1, 6, 24)
"""The bursts per day for which a report shows the cost of a month."""


@dataclass(frozen=True)
class Workload:
    """A month's use of an endpoint.

    Overhead is what a burst is billed for besides its work: launch, load and the idle time until the instance is gone.
    """

    requests_per_day: float
    seconds_per_request: float
    days: int = DAYS_PER_MONTH
    bursts_per_day: float = 0
    overhead_seconds_per_burst: float = 0
    stored_gb: float = 0
    around_each: Requests = NONE_AROUND
    """The requests to other services that one request causes."""


@dataclass(frozen=True)
class MonthlyCost:
    """The cost of a workload on demand."""

    instances_usd: float
    storage_usd: float
    requests_usd: float

    @property
    def total_usd(self) -> float:
        """The sum of instances, storage and requests."""
        return self.instances_usd + self.storage_usd + self.requests_usd


@dataclass(frozen=True)
class Month:
    """The cost of a month of bursts like one run's: on demand for either endpoint, and for one instance always on."""

    bursts_per_day: float
    asynchronous: MonthlyCost
    real_time: MonthlyCost
    always_on_usd: float

    @property
    def saved_fraction(self) -> float:
        """The fraction of the always-on price that the asynchronous endpoint saves; negative if it costs more."""
        return saved_fraction(self.asynchronous.total_usd, self.always_on_usd)


def month_usd(workload: Workload, prices: Prices) -> MonthlyCost:
    """The cost of the workload on demand, over its days."""
    requests = workload.requests_per_day * workload.days
    overhead = workload.bursts_per_day * workload.days * workload.overhead_seconds_per_burst
    seconds = requests * workload.seconds_per_request + overhead
    return MonthlyCost(
        instances_usd=instances_usd(seconds, prices),
        storage_usd=workload.stored_gb * prices.storage_usd_per_gb_month,
        requests_usd=requests_usd(workload.around_each.times(requests), prices),
    )


def always_on_usd(hours: float, prices: Prices) -> float:
    """The price of one instance for that many hours."""
    return instances_usd(hours * SECONDS_PER_HOUR, prices)


def saved_fraction(on_demand_usd: float, always_on: float) -> float:
    """The fraction of the always-on price that on demand saves."""
    return 1 - on_demand_usd / always_on


def break_even_per_day(instance_seconds: float) -> float | None:
    """The number of bursts of that many instance-seconds that fill a day; None if they take none."""
    return SECONDS_PER_DAY / instance_seconds if instance_seconds > 0 else None


def bursts(sent: int, instance_seconds: float, model_seconds: float, per_day: float, around_each: Requests) -> Workload:
    """The workload of `per_day` bursts, each of `sent` requests and `instance_seconds`, as a run measured them.

    If an instance works on several requests at a time, each is billed for no more than its share.
    """
    each = min(model_seconds, instance_seconds / sent)
    return Workload(
        requests_per_day=per_day * sent,
        seconds_per_request=each,
        bursts_per_day=per_day,
        overhead_seconds_per_burst=instance_seconds - sent * each,
        around_each=around_each,
    )


def async_bursts(cost: CostEstimate, per_day: float) -> Workload:
    """The workload of bursts like the run's, sent to the asynchronous endpoint."""
    around = cost.requests.times(1 / cost.sent)
    return bursts(cost.sent, cost.async_instance_seconds, cost.async_model_seconds, per_day, around)


def baseline_bursts(cost: CostEstimate, per_day: float) -> Workload:
    """The same for the real-time endpoint, whose requests need no other service."""
    return bursts(cost.sent, cost.baseline_instance_seconds, cost.baseline_model_seconds, per_day, NONE_AROUND)


def months(cost: CostEstimate) -> tuple[Month, ...]:
    """The months of bursts like the run's, from one a day to hourly ones."""
    always_on = always_on_usd(HOURS_PER_DAY * DAYS_PER_MONTH, cost.prices)
    return tuple(
        Month(
            bursts_per_day=per_day,
            asynchronous=month_usd(async_bursts(cost, per_day), cost.prices),
            real_time=month_usd(baseline_bursts(cost, per_day), cost.prices),
            always_on_usd=always_on,
        )
        for per_day in BURSTS_PER_DAY
    )
