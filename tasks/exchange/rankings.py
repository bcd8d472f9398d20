"""How alike two rankings are."""

from collections.abc import Sequence

PERSISTENCE = 0.9
"""The chance that a reader who looks at one rank goes on to the next; the first ten have 86 % of the weight."""


def rank_biased_overlap(first: Sequence[str], second: Sequence[str], persistence: float = PERSISTENCE) -> float:
    """The extrapolated rank-biased overlap of two rankings: 1 for the same, 0 for nothing in common.

    Webber, Moffat and Zobel: A similarity measure for indefinite rankings, 2010, equation 32, for lists of any length.
    """
    short, long = sorted((list(first), list(second)), key=len)
    if not short:
        return float(not long)
    shared = [len(set(short[:depth]) & set(long[:depth])) for depth in range(1, len(long) + 1)]
    at_short, at_long = shared[len(short) - 1], shared[-1]
    agreed = sum(count / depth * persistence**depth for depth, count in enumerate(shared, 1))
    beyond = sum(
        at_short * (depth - len(short)) / (len(short) * depth) * persistence**depth
        for depth in range(len(short) + 1, len(long) + 1)
    )
    rest = ((at_long - at_short) / len(long) + at_short / len(short)) * persistence ** len(long)
    return (1 - persistence) / persistence * (agreed + beyond) + rest


def overlap_of(first: Sequence[str], second: Sequence[str]) -> str:
    """Both measures in words."""
    shared, most = len(set(first) & set(second)), max(len(first), len(second))
    return f"{shared} of {most} items in both, rank-biased overlap {rank_biased_overlap(first, second):.2f}"
