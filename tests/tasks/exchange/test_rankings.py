"""Rankings: how much two of them have in common."""

import pytest

from tasks.exchange.rankings import overlap_of, rank_biased_overlap


def test_the_same_ranking_overlaps_wholly_and_another_not_at_all() -> None:
    assert rank_biased_overlap("abcde", "abcde") == pytest.approx(1)
    assert rank_biased_overlap("abc", "xyz") == pytest.approx(0)
    assert rank_biased_overlap("", "") == 1
    assert rank_biased_overlap("", "a") == 0


def test_a_change_at_the_top_weighs_more_than_one_below() -> None:
    top, bottom = rank_biased_overlap("abcde", "bacde"), rank_biased_overlap("abcde", "abced")
    assert 0 < top < bottom < 1


def test_rankings_of_other_lengths_are_extrapolated() -> None:
    assert rank_biased_overlap("ab", "abcd") == pytest.approx(rank_biased_overlap("abcd", "ab"))
    assert rank_biased_overlap("ab", "abcd", 0.9) == pytest.approx(1)
    # worked out by hand from equation 32 of Webber, Moffat and Zobel
    assert rank_biased_overlap("ab", "ba", 0.9) == pytest.approx(0.9)


def test_both_measures_in_words() -> None:
    assert overlap_of("abcde", "abxde").startswith("4 of 5 items in both, rank-biased overlap 0.")
