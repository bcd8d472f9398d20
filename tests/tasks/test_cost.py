from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tasks.cost import (
    PRICE_TABLE,
    CostEstimate,
    PriceNotFoundError,
    Prices,
    Requests,
    Workload,
    always_on_usd,
    break_even_per_day,
    find_prices,
    instance_seconds,
    month_usd,
    requests_usd,
    saved_fraction,
)
from tasks.errors import InputError

MINUTE = timedelta(minutes=1)
START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TABLE = yaml.safe_load(PRICE_TABLE.read_text(encoding="utf-8"))
THREE_MINUTES = Workload(requests_per_day=100, seconds_per_request=180)


@pytest.fixture
def prices() -> Prices:
    return find_prices("us-east-1", "ml.m5.large")


@pytest.fixture
def ec2_prices(prices: Prices) -> Prices:
    """The price that the first cost estimate for this recommender took: EC2's, not SageMaker's."""
    return replace(prices, hosting_usd_per_hour=0.096)


def test_the_first_estimate_is_reproduced_from_its_inputs(ec2_prices: Prices) -> None:
    month = month_usd(replace(THREE_MINUTES, stored_gb=6, notifications_per_request=2), ec2_prices)
    assert month.instance_hours == pytest.approx(150)
    assert month.instances_usd == pytest.approx(14.40)
    assert month.storage_usd == pytest.approx(0.138)
    assert month.notifications_usd == pytest.approx(0.003)
    assert round(month.total_usd, 2) == 14.54
    assert always_on_usd(720, ec2_prices) == pytest.approx(69.12)


def test_the_first_estimate_saves_79_percent_not_76(ec2_prices: Prices) -> None:
    assert round(100 * saved_fraction(14.54, always_on_usd(720, ec2_prices)), 1) == 79.0


def test_480_requests_of_three_minutes_a_day_cost_as_much_as_always_on(prices: Prices) -> None:
    assert break_even_per_day(180) == pytest.approx(480)
    month = month_usd(replace(THREE_MINUTES, requests_per_day=480), prices)
    assert month.instances_usd == pytest.approx(always_on_usd(720, prices))


@pytest.mark.parametrize(
    ("bursts_per_day", "overhead_minutes", "hours", "usd"),
    [(0, 0, 150, 17.25), (1, 24, 162, 18.63), (24, 22.5, 420, 48.30)],
)
def test_cold_start_and_idle_tail_are_billed_per_burst(
    prices: Prices, bursts_per_day: int, overhead_minutes: float, hours: float, usd: float
) -> None:
    overhead = {"bursts_per_day": bursts_per_day, "overhead_seconds_per_burst": overhead_minutes * 60}
    month = month_usd(replace(THREE_MINUTES, **overhead), prices)
    assert month.instance_hours == pytest.approx(hours)
    assert month.instances_usd == pytest.approx(usd)


def test_a_run_costs_its_instance_seconds_on_both_endpoints_and_its_requests(prices: Prices) -> None:
    cost = CostEstimate(prices, 1800, 900, Requests(s3_puts=1000, s3_gets=1000, sns_publishes=1000, sqs_requests=1000))
    assert cost.async_usd == pytest.approx(0.0575)
    assert cost.baseline_usd == pytest.approx(0.02875)
    assert cost.requests_usd == pytest.approx(0.005 + 0.0004 + 0.0005 + 0.0004)
    assert cost.run_usd == pytest.approx(0.0575 + 0.02875 + 0.0063)


def test_always_on_is_a_day_and_thirty_days_of_one_instance(prices: Prices) -> None:
    cost = CostEstimate(prices, 1800, 900, Requests())
    assert cost.always_on_day_usd == pytest.approx(2.76)
    assert cost.always_on_month_usd == pytest.approx(82.80)
    assert cost.async_month_usd == pytest.approx(0.0575 * 30)
    assert cost.saved_fraction == pytest.approx(1 - 1800 / 86_400)
    assert cost.break_even_runs_per_day == pytest.approx(48)


def test_an_endpoint_that_ran_more_than_a_day_a_day_saves_less_than_nothing(prices: Prices) -> None:
    assert CostEstimate(prices, 2 * 86_400, 0, Requests()).saved_fraction == pytest.approx(-1)


def test_where_no_instance_ran_there_is_no_break_even(prices: Prices) -> None:
    assert CostEstimate(prices, 0, 0, Requests()).break_even_runs_per_day is None


def test_less_than_no_time_is_refused(prices: Prices) -> None:
    with pytest.raises(ValueError, match="-1"):
        _ = CostEstimate(prices, -1, 0, Requests()).async_usd


def test_no_requests_cost_nothing(prices: Prices) -> None:
    assert requests_usd(Requests(), prices) == 0


def test_instance_seconds_follow_the_count_up_and_down() -> None:
    counts = [(START, 0), (START + 5 * MINUTE, 1), (START + 15 * MINUTE, 2), (START + 20 * MINUTE, 0)]
    assert instance_seconds(counts, START + 60 * MINUTE) == (10 * 1 + 5 * 2) * 60


def test_an_endpoint_that_never_scaled_in_is_billed_to_the_end() -> None:
    assert instance_seconds([(START, 1)], START + 30 * MINUTE) == 1800
    assert instance_seconds([], START) == 0


@pytest.mark.parametrize("counts", [[(START + MINUTE, 1), (START, 0)], [(START + 3 * MINUTE, 1)]])
def test_counts_out_of_order_or_after_the_end_are_refused(counts: list[tuple[datetime, int]]) -> None:
    with pytest.raises(ValueError, match="not in order"):
        instance_seconds(counts, START + 2 * MINUTE)


@pytest.mark.parametrize(
    ("region", "instance_type"), [(region, each) for region, hosting in TABLE["hosting"].items() for each in hosting]
)
def test_every_price_in_the_table_can_be_read(region: str, instance_type: str) -> None:
    prices = find_prices(region, instance_type)
    assert 0.05 < prices.hosting_usd_per_hour < 2
    assert prices.dated == date(2026, 10, 31)
    assert prices.source
    assert prices.derived is (region == "ap-south-1")


def test_derived_prices_are_what_their_source_says(prices: Prices) -> None:
    for instance in TABLE["hosting"]["ap-south-1"].values():
        _, ec2, _, premium = instance["source"].split(",")[0].split()
        assert instance["usd_per_hour"] == pytest.approx(float(ec2) * float(premium), abs=5e-5)


def test_an_unknown_instance_type_says_which_are_known() -> None:
    with pytest.raises(PriceNotFoundError, match=r"ml\.p5\.48xlarge in us-east-1.*ml\.m5\.large.*add a line"):
        find_prices("us-east-1", "ml.p5.48xlarge")


def test_an_unknown_region_says_which_are_known() -> None:
    with pytest.raises(InputError, match=r"region mars-1.*ap-south-1, eu-west-1, us-east-1"):
        find_prices("mars-1", "ml.m5.large")


def test_another_price_table_can_be_given(tmp_path: Path) -> None:
    other = tmp_path / "prices.yaml"
    table = {
        **TABLE,
        "hosting": {"us-east-1": {"ml.m5.large": {"usd_per_hour": 9, "derived": True, "source": "made up"}}},
    }
    other.write_text(yaml.safe_dump(table), encoding="utf-8")
    assert find_prices("us-east-1", "ml.m5.large", other).hosting_usd_per_hour == 9
