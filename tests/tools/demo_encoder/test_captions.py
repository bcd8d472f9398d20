"""The text of captions, which says no more than is known."""

from random import Random

import pytest

from tasks.demo.garments import GARMENT_KINDS
from tasks.encoder.prompts import category_prompts, with_article
from tools.demo_encoder.captions import CATEGORIES, PHOTOGRAPH_LABELS, Facts, caption


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("shirt", "a shirt"),
        ("orange bag", "an orange bag"),
        ("pants", "pants"),
        ("dress", "a dress"),
        ("unisex hat", "a unisex hat"),
    ],
)
def test_article_fits_the_words(words: str, said: str) -> None:
    assert with_article(words) == said


def test_caption_says_only_what_is_known() -> None:
    known = Facts("one-piece_dress", "red", "striped", "female")
    for seed in range(50):
        words, said = caption(known, Random(seed))
        assert all(value in ("", fact) for value, fact in zip(said.values(), known.values(), strict=True))
        assert ("red" in words) == (said.colour == "red")
        assert ("striped" in words) == (said.pattern == "striped")


def test_photographs_are_captioned_by_their_label_alone() -> None:
    for seed in range(20):
        _, said = caption(Facts("upperwear_shirt"), Random(seed))
        assert said == Facts("upperwear_shirt")


def test_categories_are_those_that_are_drawn() -> None:
    assert tuple(kind.category for kind in GARMENT_KINDS) == CATEGORIES
    assert set(PHOTOGRAPH_LABELS.values()) - set(CATEGORIES) == {"longsleeve"}


def test_no_two_categories_share_a_prompt() -> None:
    prompts = [prompt for name in CATEGORIES for prompt in category_prompts(name)]
    assert len(prompts) == len(set(prompts))
