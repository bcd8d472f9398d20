"""Facts about pictures, and captions that state them: the words that the text tower is fitted on."""

from dataclasses import dataclass
from random import Random

from tasks.encoder.prompts import GENDERS, NOUNS, TEMPLATES, with_article

CATEGORIES = tuple(name for name in NOUNS if "_" in name)
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
UNKNOWN = ""


@dataclass(frozen=True)
class Facts:
    """The facts known about a picture, or stated in a caption; an empty string means unknown, or unsaid."""

    category: str = UNKNOWN
    colour: str = UNKNOWN
    pattern: str = UNKNOWN
    gender: str = UNKNOWN

    def values(self) -> tuple[str, str, str, str]:
        """Return the facts in a fixed order."""
        return self.category, self.colour, self.pattern, self.gender


def caption(facts: Facts, rng: Random) -> tuple[str, Facts]:
    """Return a caption that states some of the facts, and the facts that it states."""
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
