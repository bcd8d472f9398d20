from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.inference_src.contract import kept
from tests.inference_src.mutation import damaged

EACH = 60
MEGABYTE = 1 << 20

SOURCES: dict[str, Callable[[Image.Image], tuple[Image.Image, str, dict[str, Any]]]] = {
    "PNG": lambda image: (image, "PNG", {}),
    "PNG, palette": lambda image: (image.convert("P"), "PNG", {"transparency": 0}),
    "PNG, alpha": lambda image: (image.convert("RGBA"), "PNG", {}),
    "PNG, 16 bits": lambda image: (sixteen_bits(image), "PNG", {}),
    "PNG, animated": lambda image: (image, "PNG", {"save_all": True, "append_images": [image.rotate(90)]}),
    "JPEG": lambda image: (image, "JPEG", {}),
    "JPEG, progressive": lambda image: (image, "JPEG", {"progressive": True}),
    "JPEG, CMYK": lambda image: (image.convert("CMYK"), "JPEG", {}),
    "JPEG, two pictures": lambda image: (image, "MPO", {"save_all": True, "append_images": [image.rotate(90)]}),
    "WEBP": lambda image: (image, "WEBP", {}),
    "WEBP, lossless": lambda image: (image.convert("RGBA"), "WEBP", {"lossless": True}),
    "GIF": lambda image: (image, "GIF", {}),
    "GIF, animated": lambda image: (image, "GIF", {"save_all": True, "append_images": [image.rotate(90)]}),
    "BMP": lambda image: (image, "BMP", {}),
    "BMP, palette": lambda image: (image.convert("P"), "BMP", {}),
    "TIFF": lambda image: (image, "TIFF", {}),
    "TIFF, LZW": lambda image: (image, "TIFF", {"compression": "tiff_lzw"}),
    "TIFF, JPEG": lambda image: (image, "TIFF", {"compression": "jpeg"}),
    "TIFF, CMYK": lambda image: (image.convert("CMYK"), "TIFF", {}),
    "TIFF, floats": lambda image: (Image.fromarray(np.asarray(image.convert("L"), np.float32)), "TIFF", {}),
}


def sixteen_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257)


@pytest.fixture
def file(draw: Any, encoded: Any) -> Callable[..., bytes]:
    """The bytes of a small picture, upright only if its EXIF is read."""
    exif = Image.Exif()
    exif[0x0112] = 6

    def of(source: str, side: int = 48) -> bytes:
        image, file_format, options = SOURCES[source](draw("one-piece_dress", side=side))
        return bytes(encoded(image, file_format, exif=exif, **options))

    return of


@pytest.mark.filterwarnings("ignore")  # Pillow warns about what is wrong with a file
@pytest.mark.parametrize("source", SOURCES)
def test_damaged_pictures_are_answered_or_refused(invoke: Any, file: Any, source: str) -> None:
    body, random = file(source), Random(source)
    assert kept(invoke(body, "image/*")) == "answered"
    endings = Counter(kept(invoke(damaged(body, random), "image/*")) for _ in range(EACH))
    assert endings.total() == EACH
    assert {"broken_image", "not_an_image"} & set(endings)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def many_damaged(file: Callable[..., bytes]) -> Callable[[int], Iterator[bytes]]:
    """Damaged pictures of every kind, the same ones every time; a quarter of a megabyte each, once decoded."""
    bodies = [file(source, side=256) for source in SOURCES]

    def make(count: int) -> Iterator[bytes]:
        random = Random(0)
        return (damaged(bodies[number % len(bodies)], random, most=2) for number in range(count))

    return make


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_damaged_pictures_leave_neither_memory_nor_files_behind(invoke: Any, many_damaged: Any) -> None:
    def send() -> None:
        for body in many_damaged(200):
            kept(invoke(body, "image/*"))
        gc.collect()

    send()
    files, grown = len(os.listdir("/proc/self/fd")), []
    for _ in range(3):  # what leaks grows each time; what else runs in this process does by chance
        resident = resident_bytes()
        send()
        grown.append(resident_bytes() - resident)
    assert len(os.listdir("/proc/self/fd")) == files
    assert min(grown) < 5 * MEGABYTE
