"""What a picture shows and how a caption says it: the words that the text tower is fitted on."""

from dataclasses import dataclass
from random import Random

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
    # Beside the catalogue's categories: the photographs and Fashion-MNIST know a few more.
    "longsleeve": ("longsleeve", "long-sleeved t-shirt", "long-sleeved top"),
    "pullover": ("pullover", "sweater"),
    "sandals": ("sandals", "sandal"),
    "boots": ("ankle boots", "boots"),
}
CATEGORIES = tuple(name for name in NOUNS if "_" in name)
GENDERS: dict[str, tuple[str, ...]] = {
    "male": ("men's", "male"),
    "female": ("women's", "female"),
    "unisex": ("unisex", "unisex"),
}
PHOTOGRAPH_LABELS: dict[str, str] = {
    "dress": "one-piece_dress",
    "hat": "accessories_hat",
    "longsleeve": "longsleeve",
    "outwear": "upperwear_jacket",
    "pants": "bottomwear_pants",
    "shirt": "upperwear_shirt",
    "shoes": "footwear_shoes",
    "shorts": "bottomwear_shorts",
    "skirt": "bottomwear_skirt",
    "t-shirt": "upperwear_tshirt",
}
TEMPLATES = ("a photo of {}", "a picture of {}", "a product photo of {}", "a drawing of {}", "{}")
UNKNOWN = ""


@dataclass(frozen=True)
class Facts:
    """What is known of a picture, or said in a caption; an empty string is unknown, or unsaid."""

    category: str = UNKNOWN
    colour: str = UNKNOWN
    pattern: str = UNKNOWN
    gender: str = UNKNOWN

    def values(self) -> tuple[str, str, str, str]:
        """Return the facts in a fixed order."""
        return self.category, self.colour, self.pattern, self.gender


def caption(facts: Facts, rng: Random) -> tuple[str, Facts]:
    """Return a caption that says some of the facts, and the facts that it says."""
    said = Facts(
        category=facts.category if rng.random() < 0.95 or not facts.gender else UNKNOWN,
        colour=facts.colour if rng.random() < 0.5 else UNKNOWN,
        pattern=facts.pattern if rng.random() < 0.3 else UNKNOWN,
        gender=facts.gender if rng.random() < 0.25 else UNKNOWN,
    )
    noun = rng.choice(NOUNS[said.category]) if said.category else rng.choice(("garment", "piece of clothing"))
    gender = rng.choice(GENDERS[said.gender]) if said.gender else ""
    words = " ".join(word for word in (gender, said.colour, said.pattern, noun) if word)
    return rng.choice(TEMPLATES).format(with_article(words)), said


def with_article(words: str) -> str:
    """Return the words with a, an or, before a plural, neither."""
    if (words.endswith("s") and not words.endswith("ss")) or words.endswith("wear"):
        return words
    return f"an {words}" if words[0] in "aeio" else f"a {words}"


def category_prompts(category: str) -> tuple[str, ...]:
    """Return every way to name a category, the plainest noun first."""
    return tuple(
        template.format(with_article(noun)) for noun in dict.fromkeys(NOUNS[category]) for template in TEMPLATES
    )


def gender_prompts(gender: str) -> tuple[str, ...]:
    """Return every way to name whom a garment is for."""
    nouns = ("garment", "piece of clothing")
    words = [f"{word} {noun}" for word in dict.fromkeys(GENDERS[gender]) for noun in nouns]
    return tuple(template.format(with_article(said)) for said in words for template in TEMPLATES)
