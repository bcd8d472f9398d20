"""The report's sentences on cost, the same in markdown and on the page."""

from __future__ import annotations

from tasks.report.quantities import count, milliseconds, seconds, share, usd
from tasks.verdict.cost import CostEstimate
from tasks.verdict.monthly_cost import Month, async_bursts, break_even_per_day, months


def cost_basis(cost: CostEstimate) -> str:
    """The sentence on how the instance-seconds are known."""
    if cost.measured:
        return f"Measured: from {count(cost.readings, 'reading')} of the instance counts, from the request to the end."
    return (
        "Estimated: one instance assumed for each endpoint from the request for it to the end, for the instance counts "
        f"could not be read all the time: {cost.unread}."
    )


def cost_burst(cost: CostEstimate) -> str:
    """The sentences on the seconds that a burst like this run's bills on the asynchronous endpoint."""
    burst = async_bursts(cost, 1)
    work = f"{milliseconds(1000 * burst.seconds_per_request)} of the model for each of {count(cost.sent, 'request')}"
    return (
        f"A burst like this run's bills {seconds(cost.async_instance_seconds)} of the asynchronous endpoint: {work}, "
        f"and {seconds(burst.overhead_seconds_per_burst)} besides (launch, load, waiting, teardown). Where the "
        "endpoint stays, it bills, instead of the teardown, the time until scaling in has taken the instance."
    )


def cost_summary(cost: CostEstimate) -> str:
    """One sentence that compares the asynchronous endpoint once a day with one that is always on."""
    daily = months(cost)[0]
    month, always_on, saved = usd(daily.asynchronous.total_usd), usd(daily.always_on_usd), daily.saved_fraction
    sentence = f"Used once a day as in this run, the asynchronous endpoint costs {month} in 30 days, "
    sentence += f"{_compared(saved)} {always_on} for one that is always on"
    per_day = break_even_per_day(cost.async_instance_seconds)
    return f"{sentence}." if per_day is None else f"{sentence}; {per_day:,.1f} such bursts a day would cost the same."


def month_cells(month: Month) -> tuple[str, str, str, str, str]:
    """The cells of a month's row: bursts a day, either endpoint on demand, always on, the share saved."""
    on_demand = (usd(month.asynchronous.total_usd), usd(month.real_time.total_usd))
    return (f"{month.bursts_per_day:g}", *on_demand, usd(month.always_on_usd), share(month.saved_fraction))


def price_source(cost: CostEstimate) -> str:
    """The price with its source and date, and whether it was listed or derived."""
    prices = cost.prices
    how = "derived, not read from a price list" if prices.derived else "as listed"
    price = f"{prices.instance_type} in {prices.region}: ${prices.hosting_usd_per_hour:g} an hour"
    return f"{price} ({how}; {prices.source}; price table of {prices.dated.isoformat()})."


def _compared(saved: float) -> str:
    return f"{share(saved)} less than" if saved >= 0 else f"{share(-saved)} more than"
