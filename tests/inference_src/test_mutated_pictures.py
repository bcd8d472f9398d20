from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image


def mutated(body: bytes, random: np.random.Generator) -> bytes:
    """The body with bytes changed, cut out, doubled, or cut off."""
    changed = bytearray(body)
    for _ in range(int(random.integers(1, 12))):
        at, length = int(random.integers(0, max(1, len(changed)))), int(random.integers(1, 30))
        kind = random.integers(0, 5)
        if kind <= 1:
            changed[at : at + 1] = random.bytes(1)
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        else:
            changed[at : at + length] = random.bytes(length)
    return bytes(changed[: random.integers(1, len(changed) + 1)] if random.random() < 0.15 else changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_mutated_pictures_are_answered_or_refused(invoke: Any, draw: Any, file_format: str) -> None:
    random = np.random.default_rng(len(file_format) + ord(file_format[0]))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    draw("one-piece_dress", side=48).save(file, file_format, exif=exif)
    statuses = set()
    for _ in range(50):
        reply = invoke(mutated(file.getvalue(), random), "image/*")
        assert reply.status == 200 or 400 <= reply.status < 500, reply.body
        statuses.add(reply.status)
    assert 400 in statuses
