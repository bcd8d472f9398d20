"""Damage by seed: to the bytes of a file or of a text, and to the fields of a JSON request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

LENGTHS = (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x01")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 5, 50, 51, -1, 2**63, 10**300, 0.5, 5.0, 1e308, -0.0),
    *(
        "",
        " ",
        "5",
        "true",
        "null",
        "NaN",
        "\x00",
        "\ud800",
        "é",
        "👗" * 40,
        "x" * 5_000,
        "../..",
        "data:image/png;base64,",
    ),
    *("male", "Men", "upperwear_shirt", "shirt", "s3://", "s3://bucket/key", "s3://a/../b", "https://host/picture.png"),
    *([], {}, [1], ["male"], {"a": 1}, [[[[]]]], {"image": {"image": "x"}}),
)
NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e999",
    "9" * 400,
    "9" * 5_000,
    "0x5",
    "05",
    "+5",
    "5.",
    ".5",
    "1e",
)
NAMES = ("image", "image_s3_uri", "top_k", "n_recommendations", "min_score", "gender", "category", "include_embedding")
STRAY_NAMES = ("", "Image", "min_scores", "\ud800", "__proto__", "image\x00", "top_k ", "é" * 90)


def damaged(body: bytes, random: Random, most: int = 6) -> bytes:
    """The body with bytes changed, cut out, doubled or replaced by a false length; sometimes cut off."""
    changed = bytearray(body)
    for _ in range(random.randint(1, most)):
        # the header is where a format says what the rest is
        at, length = random.randrange(min(len(changed), random.choice((64, 1 << 20))) or 1), random.randint(1, 30)
        kind = random.randrange(6)
        if kind <= 1:
            changed[at : at + 1] = random.randbytes(1)
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        elif kind == 4:
            changed[at : at + 4] = random.choice(LENGTHS)
        else:
            changed[at : at + length] = random.randbytes(length)
    return bytes(changed[: random.randint(0, len(changed))] if random.random() < 0.15 else changed)


def damaged_request(request: Mapping[str, Any], random: Random) -> str:
    """The request's JSON with fields changed, left out, added or given twice, nested, or with malformed numbers."""
    fields = dict(request)
    for _ in range(random.randint(1, 3)):
        name = random.choice((*NAMES, *NAMES, random.choice(STRAY_NAMES)))
        if random.random() < 0.2:
            fields.pop(name, None)
        else:
            fields[name] = _spoiled(fields.get(name), random)
    text = json.dumps(fields, ensure_ascii=random.random() < 0.8)
    kind = random.randrange(12)
    if kind == 0:
        return text[:-1] + f', "{random.choice(NAMES)}": {random.choice(NUMBERS)}}}'
    if kind == 1:
        return "[" * (depth := random.choice((1, 100, 990, 20_000))) + text + "]" * depth
    if kind == 2:
        return text + random.choice(("x", text, "\x00", ","))
    return text


def _spoiled(value: object, random: Random) -> Any:
    if not isinstance(value, str) or random.random() < 0.5:
        return random.choice(VALUES)
    at = random.randrange(len(value) + 1)
    return random.choice((value[:at], value[:at] + random.choice(("=", "\n", "-_", "é", "%2B", " ")) + value[at:]))
