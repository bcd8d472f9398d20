"""The words for categories and genders with which an encoder tells what a picture shows."""

NOUNS: dict[str, tuple[str, ...]] = {
    "upperwear_shirt": ("shirt", "button-up shirt", "shirt with a collar"),
    "upperwear_tshirt": ("t-shirt", "tee", "t-shirt"),
    "upperwear_jacket": ("jacket", "coat", "outwear"),
    "bottomwear_pants": ("pants", "trousers", "jeans"),
    "bottomwear_shorts": ("shorts", "pair of shorts"),
    "bottomwear_skirt": ("skirt", "skirt"),
    "footwear_shoes": ("shoes", "pair of shoes", "shoe"),
    "footwear_sneakers": ("sneakers", "sneaker", "trainers"),
    "footwear_heels": ("heels", "high heels", "heeled shoes"),
    "footwear_flats": ("flats", "ballet flats", "flat shoes"),
    "accessories_bag": ("bag", "handbag", "backpack"),
    "accessories_hat": ("hat", "cap", "beanie"),
    "one-piece_dress": ("dress", "gown", "dress"),
    # Not in the catalogue: further labels of the photographs and of Fashion-MNIST.
    "longsleeve": ("longsleeve", "long-sleeved t-shirt", "long-sleeved top"),
    "pullover": ("pullover", "sweater"),
    "sandals": ("sandals", "sandal"),
    "boots": ("ankle boots", "boots"),
}


GENDERS: dict[str, tuple[str, ...]] = {
    "male": ("men's", "male"),
    "female": ("women's", "female"),
    "unisex": ("unisex", "unisex"),
}


TEMPLATES = ("a photo of {}", "a picture of {}", "a product photo of {}", "a drawing of {}", "{}")


def with_article(words: str) -> str:
    """Return the words with "a" or "an"; plurals and words in -wear get no article."""
    if (words.endswith("s") and not words.endswith("ss")) or words.endswith("wear"):
        return words
    return f"an {words}" if words[0] in "aeio" else f"a {words}"


def category_prompts(category: str) -> tuple[str, ...]:
    """Return every way to name a category, the plainest noun first."""
    return tuple(
        template.format(with_article(noun)) for noun in dict.fromkeys(NOUNS[category]) for template in TEMPLATES
    )


def gender_prompts(gender: str) -> tuple[str, ...]:
    """Return every way to name the gender that a garment is for."""
    nouns = ("garment", "piece of clothing")
    words = [f"{word} {noun}" for word in dict.fromkeys(GENDERS[gender]) for noun in nouns]
    return tuple(template.format(with_article(said)) for said in words for template in TEMPLATES)
