"""Quantities as people read them: durations, money, shares and counts. A number that isn't finite is a dash."""

from __future__ import annotations

import math
from datetime import timedelta

NO_NUMBER = "–"


def milliseconds(duration_ms: float) -> str:
    """A duration with its natural unit: 0.42 ms, 4.1 ms, 61 ms, 2.40 s, 4 min 10 s."""
    if not math.isfinite(duration_ms):
        return NO_NUMBER
    if duration_ms < 0.995:
        return f"{duration_ms:.2f} ms"
    if duration_ms < 9.95:
        return f"{duration_ms:.1f} ms"
    if duration_ms < 999.5:
        return f"{duration_ms:.0f} ms"
    if duration_ms < 59_995:
        return f"{duration_ms / 1000:.2f} s"
    return seconds(duration_ms / 1000)


def seconds(duration_seconds: float) -> str:
    """A longer duration: 12.3 s, 4 min 10 s, 1 h 5 min."""
    if not math.isfinite(duration_seconds):
        return NO_NUMBER
    if duration_seconds < 59.95:
        return f"{duration_seconds:.1f} s"
    minutes, rest = divmod(round(duration_seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def elapsed(duration: timedelta) -> str:
    """A duration given as a timedelta."""
    return seconds(duration.total_seconds())


def usd(amount: float) -> str:
    """An amount of money with as many decimals as it needs: $82.80, $0.068, $0.00042."""
    if not math.isfinite(amount):
        return NO_NUMBER
    if amount < 0:
        return f"-{usd(-amount)}"
    if amount >= 0.995 or amount == 0:
        return f"${amount:,.2f}"
    if amount >= 0.01:
        return f"${amount:.3f}"
    return f"${amount:.2g}" if amount >= 0.0001 else "under $0.0001"


def share(fraction: float) -> str:
    """A fraction as a percentage with one decimal."""
    if not math.isfinite(fraction):
        return NO_NUMBER
    return f"{100 * fraction:.1f} %"


def score_difference(difference: float) -> str:
    """A difference of scores; exactly zero is shown as 0, because it means bit-equal scores."""
    if not math.isfinite(difference):
        return NO_NUMBER
    return "0" if difference == 0 else f"{difference:.2g}"


def count(number: int, noun: str) -> str:
    """A number with its noun in the singular or the plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
