"""The prices of storage and notifications, as the table of prices has them."""

import pytest

from tasks.prices import PRICE_TABLE, find_prices


def test_storage_and_notifications_cost_what_they_are_said_to() -> None:
    prices = find_prices("us-east-1", "ml.m5.large")
    assert prices.storage_usd_per_gb_month == pytest.approx(0.023)
    assert prices.sns_publish_usd_per_million == pytest.approx(0.50)
    assert PRICE_TABLE.suffix == ".yaml"
    assert prices.source
    assert prices.dated.year >= 2026
