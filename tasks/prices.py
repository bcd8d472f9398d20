"""Prices of instances and of the services around them, with their date and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tasks.errors import NotFoundError
from tasks.shipped import shipped

PRICE_TABLE = shipped("deployments/aws/prices.yaml")


class PriceNotFoundError(NotFoundError):
    """The price table has no line for what was asked."""


@dataclass(frozen=True)
class Prices:
    """The prices of one instance type in one region, with their date and source."""

    region: str
    instance_type: str
    hosting_usd_per_hour: float
    derived: bool
    source: str
    dated: date
    s3_put_usd_per_thousand: float
    s3_get_usd_per_thousand: float
    sns_publish_usd_per_million: float
    sqs_request_usd_per_million: float
    storage_usd_per_gb_month: float


def find_prices(region: str, instance_type: str, table: Path = PRICE_TABLE) -> Prices:
    """The prices for one instance type in one region; raise PriceNotFoundError naming what the table has."""
    known = _load(table)
    hosting = _line(known["hosting"], region, f"price of hosting in region {region}", table)
    instance = _line(hosting, instance_type, f"price of hosting {instance_type} in {region}", table)
    storage = _line(known["storage"], region, f"price of S3 storage in region {region}", table)
    requests = {name: float(value) for name, value in known["requests"].items() if name != "source"}
    return Prices(
        region=region,
        instance_type=instance_type,
        hosting_usd_per_hour=float(instance["usd_per_hour"]),
        derived=bool(instance["derived"]),
        source=str(instance["source"]),
        dated=known["dated"],
        storage_usd_per_gb_month=float(storage["usd_per_gb_month"]),
        **requests,
    )


@cache
def _load(table: Path) -> Mapping[str, Any]:
    with table.open(encoding="utf-8") as file:
        return dict(yaml.safe_load(file))


def _line(lines: Mapping[str, Any], key: str, asked: str, table: Path) -> Mapping[str, Any]:
    if key not in lines:
        known = ", ".join(sorted(lines))
        raise PriceNotFoundError(f"asked for the {asked}; {table.name} has {known}; add a line with its source there")
    return dict(lines[key])
