"""Pictures whose values aren't sRGB: phones embed Display P3, cameras Adobe RGB, editors ProPhoto RGB."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms, ImageDraw

from recommender.colours import profile as colour_profile
from recommender.colours.cielab import ciede2000
from recommender.colours.dominant import dominant_colours
from recommender.pictures.image import decode
from recommender.recommend import Recommender
from recommender.schema import Colour, Request

XYZ = tuple[float, float, float]
RED, GREEN, BLUE, ORANGE = (220, 25, 30), (40, 150, 60), (25, 80, 215), (246, 130, 25)
D50 = (0.9642, 1.0, 0.8249)
BLACK = (0.0, 0.0, 0.0)


def profile(*primaries: XYZ, gamma: float = 2.2, space: bytes = b"RGB ") -> bytes:
    """A profile of version 2 with these primaries (D50) and one tone curve."""
    tags = {b"wtpt": _xyz(D50), b"desc": b"desc\0\0\0\0\0\0\0\1" + bytes(80), b"cprt": b"text\0\0\0\0CC0\0"}
    for channel, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags[channel + b"XYZ"] = _xyz(primary)
        tags[channel + b"TRC"] = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x", 132 + 12 * len(tags) + len(content), 0x02100000, b"mntr", space, b"XYZ ", b"acsp"
    )
    return (head + _xyz(D50)[8:]).ljust(128, b"\0") + table + content


def _xyz(values: XYZ) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


DISPLAY_P3 = profile((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE_RGB = profile((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PROPHOTO = profile((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249), gamma=1.8)
SRGB_PRIMARIES = (0.4360, 0.2224, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def square(colour: Any, side: int = 120) -> Image.Image:
    image = Image.new("RGB", (side, side), "white")
    ImageDraw.Draw(image).rectangle((side // 4, side // 6, side - side // 4, side - side // 6), fill=colour)
    return image


def in_profile(image: Image.Image, embedded: bytes) -> Image.Image:
    """The picture with the same colours, as values of this profile."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    converted = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), target, renderingIntent=intent)
    assert converted is not None
    return converted


def colours(body: bytes, at_least_px: int | None = None) -> tuple[Colour, ...]:
    return dominant_colours(decode(body, at_least_px))


def assert_alike(seen: tuple[Colour, ...], wanted: tuple[Colour, ...]) -> None:
    assert [each.name for each in seen] == [each.name for each in wanted]
    assert ciede2000([each.lab for each in seen], [each.lab for each in wanted]).max() < 2


@pytest.mark.parametrize("embedded", [DISPLAY_P3, ADOBE_RGB, PROPHOTO], ids=["P3", "Adobe", "ProPhoto"])
@pytest.mark.parametrize("colour", [RED, GREEN, BLUE, ORANGE])
def test_a_colour_is_the_same_in_every_profile(encoded: Any, colour: Any, embedded: bytes) -> None:
    image = square(colour)
    body = encoded(in_profile(image, embedded), "JPEG", quality=95, subsampling=0, icc_profile=embedded)
    assert_alike(colours(body), dominant_colours(image))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF"])
def test_the_profile_is_seen_in_every_format_and_mode(encoded: Any, mode: str, file_format: str) -> None:
    image = in_profile(square(RED), DISPLAY_P3).convert(mode)
    assert_alike(colours(encoded(image, file_format, icc_profile=DISPLAY_P3)), dominant_colours(square(RED)))


def test_a_transparent_background_stays_white(encoded: Any) -> None:
    image = in_profile(square(RED), DISPLAY_P3)
    image.putalpha(Image.fromarray((np.asarray(image).min(axis=2) < 255).astype(np.uint8) * 255))
    assert_alike(colours(encoded(image, icc_profile=DISPLAY_P3)), dominant_colours(square(RED)))


def test_a_drafted_and_turned_picture_keeps_its_profile(encoded: Any) -> None:
    exif = Image.Exif()
    exif[274] = 6
    image = in_profile(square(RED, 1600), DISPLAY_P3)
    body = encoded(image, "JPEG", quality=95, exif=exif, icc_profile=DISPLAY_P3)
    assert decode(body, at_least_px=150).size == (200, 200)
    assert_alike(colours(body, at_least_px=150), dominant_colours(square(RED)))


@pytest.mark.parametrize("embedded", [SRGB, profile(*SRGB_PRIMARIES)])
def test_a_picture_in_srgb_has_the_colours_of_one_without_a_profile(encoded: Any, embedded: bytes) -> None:
    image = square(RED)
    plain, tagged = colours(encoded(image)), colours(encoded(image, icc_profile=embedded))
    assert_alike(tagged, plain)
    if embedded == SRGB:
        assert tagged == plain


def mutations() -> list[bytes]:
    """Display P3 with bytes changed at random."""
    random = np.random.default_rng(7)
    mutated = []
    for _ in range(60):
        changed = np.frombuffer(DISPLAY_P3, np.uint8).copy()
        changed[random.integers(0, len(changed), 8)] = random.integers(0, 256, 8)
        mutated.append(changed.tobytes())
    return mutated


UNUSABLE = {
    "no profile": b"not a profile",
    "cut short": DISPLAY_P3[:200],
    "header alone": DISPLAY_P3[:128],
    "not of RGB": profile(*SRGB_PRIMARIES, space=b"CMYK"),
    "of grey": profile(*SRGB_PRIMARIES, space=b"GRAY"),
    "all black": profile(BLACK, BLACK, BLACK),
    "white is blue": profile((0.4124, 0.2126, 0.0193), (0.3576, 0.7152, 0.1192), (0.1805, 0.0722, 1.4)),
    "too large": DISPLAY_P3 + bytes(colour_profile.MAX_PROFILE_BYTES),
}


@pytest.mark.parametrize("embedded", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_no_usable_profile_is_ignored(encoded: Any, embedded: bytes) -> None:
    image = square(RED)
    assert colours(encoded(image, "JPEG", icc_profile=embedded)) == colours(encoded(image, "JPEG"))


def test_no_damage_to_a_profile_is_an_error(encoded: Any) -> None:
    for embedded in mutations():
        assert colours(encoded(square(RED), "JPEG", icc_profile=embedded))


def test_a_pillow_without_littlecms_takes_pictures_as_they_are(encoded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = encoded(square(RED), icc_profile=DISPLAY_P3), encoded(square(RED))
    colour_profile._to_srgb.cache_clear()
    monkeypatch.delattr(PIL, "ImageCms")
    monkeypatch.setitem(sys.modules, "PIL.ImageCms", None)
    assert colours(bodies[0]) == colours(bodies[1])
    colour_profile._to_srgb.cache_clear()


def test_the_encoder_sees_the_numbers_of_the_file(encoded: Any, recommender: Recommender) -> None:
    image = square(RED)
    bodies = [encoded(image, icc_profile=embedded) for embedded in (DISPLAY_P3, None)]
    assert np.array_equal(np.asarray(decode(bodies[0])), np.asarray(image))
    tagged, plain = (recommender.answer(Request(image=body, include_embedding=True)).query for body in bodies)
    assert tagged.embedding == plain.embedding
    assert tagged.dominant_colours != plain.dominant_colours


def test_threads_with_different_profiles_dont_mix_them_up(encoded: Any) -> None:
    embedded = [DISPLAY_P3, ADOBE_RGB, PROPHOTO, SRGB, None]
    bodies = [encoded(square(colour), icc_profile=each) for each in embedded for colour in (RED, GREEN)] * 4
    alone = [colours(body) for body in bodies]
    colour_profile._to_srgb.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(colours, bodies)) == alone


def test_a_picture_without_a_profile_loads_no_colour_management() -> None:
    program = (
        "import sys; from PIL import Image; from recommender.colours.dominant import dominant_colours\n"
        "dominant_colours(Image.new('RGB', (90, 90), 'red')); assert 'PIL.ImageCms' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})
