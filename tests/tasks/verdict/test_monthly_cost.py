"""The cost of a month: the arithmetic of the first estimate, and bursts like a run's."""

from dataclasses import replace

import pytest

from tasks.prices import Prices, find_prices
from tasks.report.quantities import share
from tasks.verdict.cost import CostEstimate, Requests
from tasks.verdict.monthly_cost import (
    Workload,
    always_on_usd,
    async_bursts,
    break_even_per_day,
    month_usd,
    months,
    saved_fraction,
)

THREE_MINUTES = Workload(requests_per_day=100, seconds_per_request=180)
FIRST_ESTIMATE = replace(THREE_MINUTES, stored_gb=6, around_each=Requests(sns_publishes=2))
AROUND = Requests(s3_puts=2, s3_gets=3, sns_publishes=1, sqs_requests=2)


@pytest.fixture
def prices() -> Prices:
    return find_prices("us-east-1", "ml.m5.large")


@pytest.fixture
def ec2_prices(prices: Prices) -> Prices:
    """The price that the first cost estimate for this recommender used: EC2's, not SageMaker's."""
    return replace(prices, hosting_usd_per_hour=0.096)


def test_the_first_estimate_is_reproduced_from_its_inputs(ec2_prices: Prices) -> None:
    month = month_usd(FIRST_ESTIMATE, ec2_prices)
    assert month.instances_usd == pytest.approx(14.40)
    assert month.storage_usd == pytest.approx(0.138)
    assert month.requests_usd == pytest.approx(0.003)
    assert round(month.total_usd, 2) == 14.54
    assert always_on_usd(720, ec2_prices) == pytest.approx(69.12)


def test_the_first_estimate_saves_79_percent_not_76(ec2_prices: Prices) -> None:
    month = month_usd(FIRST_ESTIMATE, ec2_prices)
    saved = saved_fraction(month.total_usd, always_on_usd(720, ec2_prices))
    assert saved == pytest.approx((69.12 - 14.541) / 69.12)
    assert share(saved) == share(saved_fraction(14.54, 69.12)) == "79.0 %"


def test_480_requests_of_three_minutes_a_day_cost_as_much_as_always_on(prices: Prices) -> None:
    assert break_even_per_day(180) == pytest.approx(480)
    month = month_usd(replace(THREE_MINUTES, requests_per_day=480), prices)
    assert month.instances_usd == pytest.approx(always_on_usd(720, prices))


@pytest.mark.parametrize(
    ("bursts_per_day", "overhead_minutes", "usd"),
    [(0, 0, 150 * 0.115), (1, 24, 162 * 0.115), (24, 22.5, 420 * 0.115)],
)
def test_cold_start_and_idle_tail_are_billed_per_burst(
    prices: Prices, bursts_per_day: int, overhead_minutes: float, usd: float
) -> None:
    overhead = {"bursts_per_day": bursts_per_day, "overhead_seconds_per_burst": overhead_minutes * 60}
    month = month_usd(replace(THREE_MINUTES, **overhead), prices)
    assert month.instances_usd == pytest.approx(usd)


def measured(prices: Prices, **changed: object) -> CostEstimate:
    """25 requests: half an hour of the asynchronous endpoint, a quarter of the baseline."""
    made = CostEstimate(prices, 1800, 900, AROUND.times(25), 25, 2.0, 1.0, readings=120, unread="")
    return replace(made, **changed)  # type: ignore[arg-type]


def test_bursts_like_a_runs_bill_its_instance_seconds_each(prices: Prices) -> None:
    daily, _, hourly = months(measured(prices))
    assert (daily.bursts_per_day, hourly.bursts_per_day) == (1, 24)
    assert daily.asynchronous.instances_usd == pytest.approx(0.5 * 30 * 0.115)
    assert daily.real_time.instances_usd == pytest.approx(0.25 * 30 * 0.115)
    assert hourly.asynchronous.instances_usd == pytest.approx(24 * 30 * 0.0575)
    assert daily.asynchronous.requests_usd == pytest.approx(30 * 25 * (0.01 + 0.0012 + 0.0005 + 0.0008) / 1000)
    assert daily.real_time.requests_usd == 0
    assert daily.always_on_usd == pytest.approx(82.80)
    assert daily.saved_fraction == pytest.approx(1 - daily.asynchronous.total_usd / 82.80)


def test_a_burst_is_split_into_its_requests_and_what_is_billed_besides(prices: Prices) -> None:
    burst = async_bursts(measured(prices), 1)
    assert (burst.requests_per_day, burst.seconds_per_request) == (25, 2.0)
    assert burst.overhead_seconds_per_burst == pytest.approx(1800 - 50)
    assert burst.around_each == AROUND


def test_requests_that_were_worked_on_side_by_side_bill_no_more_than_the_instance(prices: Prices) -> None:
    burst = async_bursts(measured(prices, async_instance_seconds=20.0), 1)
    assert burst.overhead_seconds_per_burst == pytest.approx(0)
    (daily, *_) = months(measured(prices, async_instance_seconds=20.0))
    assert daily.asynchronous.instances_usd == pytest.approx(0.115 / 6)


def test_bursts_that_take_more_than_a_day_a_day_save_less_than_nothing(prices: Prices) -> None:
    assert months(measured(prices, async_instance_seconds=2 * 86_400.0))[0].saved_fraction < -0.99


def test_where_no_instance_ran_there_is_no_break_even() -> None:
    assert break_even_per_day(1800) == pytest.approx(48)
    assert break_even_per_day(0) is None
