from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tasks.errors import InputError
from tasks.prices import PRICE_TABLE, PriceNotFoundError, Prices, find_prices
from tasks.verdict.cost import CostEstimate, Requests, instance_seconds, requests_usd

MINUTE = timedelta(minutes=1)
START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
TABLE = yaml.safe_load(PRICE_TABLE.read_text(encoding="utf-8"))


@pytest.fixture
def prices() -> Prices:
    return find_prices("us-east-1", "ml.m5.large")


def test_a_run_costs_its_instance_seconds_on_both_endpoints_and_its_requests(prices: Prices) -> None:
    cost = CostEstimate(prices, 1800, 900, Requests(s3_puts=1000, s3_gets=1000, sns_publishes=1000, sqs_requests=1000))
    assert cost.async_usd == pytest.approx(0.0575)
    assert cost.baseline_usd == pytest.approx(0.02875)
    assert cost.requests_usd == pytest.approx(0.005 + 0.0004 + 0.0005 + 0.0004)
    assert cost.run_usd == pytest.approx(0.0575 + 0.02875 + 0.0063)


def test_less_than_no_time_is_refused(prices: Prices) -> None:
    with pytest.raises(ValueError, match="-1"):
        _ = CostEstimate(prices, -1, 0, Requests()).async_usd


def test_a_cost_is_measured_if_counts_were_read_and_else_estimated(prices: Prices) -> None:
    assert not CostEstimate(prices, 1800, 900, Requests()).measured
    assert CostEstimate(prices, 1800, 900, Requests(), readings=2).measured


def test_so_many_times_some_requests_are_whole_requests() -> None:
    assert Requests(2, 3, 1, 2).times(25) == Requests(50, 75, 25, 50)
    assert Requests(50, 75, 25, 50).times(1 / 25) == Requests(2, 3, 1, 2)


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
    assert prices.derived is (region == "ap-south-1" or (region, instance_type) == ("eu-west-1", "ml.m5.large"))


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
