from __future__ import annotations

import struct
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recommender.pictures import image as limits
from recommender.pictures.image import decode
from recommender.schema import RequestError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def half_red(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Red in the left half, blue in the right."""
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (0, 0, size[0] // 2, size[1]))
    return image


def refused(body: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        decode(body)
    return caught.value


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_decodes_the_usual_formats(encoded: Any, file_format: str) -> None:
    image = decode(encoded(half_red(), file_format))
    assert (image.mode, image.size) == ("RGB", (40, 20))
    assert np.abs(np.asarray(image, int)[10, 5] - RED).max() < 8


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_takes_any_kind_of_bytes(encoded: Any, kind: Any) -> None:
    assert decode(kind(encoded(half_red()))).size == (40, 20)


# where the stored picture's red left half must be seen, by EXIF orientation
@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (40, 20), (0, 10)),
        (2, (40, 20), (39, 10)),
        (3, (40, 20), (39, 10)),
        (4, (40, 20), (0, 10)),
        (5, (20, 40), (10, 0)),
        (6, (20, 40), (10, 0)),
        (7, (20, 40), (10, 39)),
        (8, (20, 40), (10, 39)),
    ],
)
def test_turns_the_picture_upright(
    encoded: Any, orientation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(encoded(half_red(), "PNG", exif=exif))
    assert image.size == size
    assert image.getpixel(red_at) == RED


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_ignores_an_orientation_that_does_not_exist(encoded: Any, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(encoded(half_red(), "PNG", exif=exif)).getpixel((0, 10)) == RED


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_shows_a_picture_with_unreadable_exif_as_it_is_stored(encoded: Any) -> None:
    body = encoded(half_red(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", quality=100)
    assert decode(body).size == (40, 20)


def test_lays_transparency_on_white(encoded: Any) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 4, 8))
    image.paste((0, 0, 0, 128), (4, 0, 5, 8))
    seen = decode(encoded(image))
    assert [seen.getpixel((x, 0)) for x in (0, 4, 7)] == [RED, (127, 127, 127), (255, 255, 255)]


def test_lays_a_transparent_palette_entry_on_white(encoded: Any) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(1, (0, 0, 4, 8))
    seen = decode(encoded(image, transparency=0))
    assert [seen.getpixel((x, 0)) for x in (0, 7)] == [RED, (255, 255, 255)]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_decodes_every_colour_mode(encoded: Any, mode: str) -> None:
    body = encoded(half_red().convert(mode), "TIFF" if mode in ("CMYK", "YCbCr") else "PNG")
    assert decode(body).mode == "RGB"


def test_decodes_cmyk_jpegs(encoded: Any) -> None:
    seen = np.asarray(decode(encoded(half_red().convert("CMYK"), "JPEG", quality=95)), int)
    assert np.abs(seen[10, 5] - RED).max() < 10


def test_scales_sixteen_bits_down_instead_of_clipping(encoded: Any) -> None:
    ramp = np.tile(np.linspace(0, 65_535, 16).astype(np.uint16), (4, 1))
    seen = np.asarray(decode(encoded(Image.fromarray(ramp))))[0, :, 0]
    assert seen.tolist() == [round(value / 257) for value in ramp[0].tolist()]


def test_scales_floats(encoded: Any) -> None:
    ramp = np.array([[0.0, 0.5, 1.0, np.nan]], dtype=np.float32)
    assert np.asarray(decode(encoded(Image.fromarray(ramp), "TIFF")))[0, :, 0].tolist() == [0, 128, 255, 0]


def test_takes_the_first_frame(encoded: Any) -> None:
    first, second = Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), BLUE)
    for file_format in ("GIF", "WEBP", "PNG", "TIFF"):
        options = {"lossless": True} if file_format == "WEBP" else {}
        body = encoded(first, file_format, save_all=True, append_images=[second], **options)
        assert decode(body).getpixel((0, 0)) == RED, file_format


def test_a_single_pixel_is_a_picture(encoded: Any) -> None:
    assert decode(encoded(Image.new("RGB", (1, 1), RED))).size == (1, 1)


def test_draft_keeps_the_shorter_side_long_enough(encoded: Any) -> None:
    body = encoded(half_red((1600, 800)), "JPEG")
    assert decode(body).size == (1600, 800)
    assert decode(body, at_least_px=150).size == (400, 200)
    assert decode(body, at_least_px=900).size == (1600, 800)


def test_empty_body_is_refused() -> None:
    assert refused(b"").code == "empty_image"


@pytest.mark.parametrize("body", [b"x", b"not a picture" * 50, b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>", bytes(1000)])
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    error = refused(body)
    assert (error.code, error.status) == ("not_an_image", 400)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_a_truncated_picture_is_refused(encoded: Any, file_format: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    body = encoded(noise, file_format)
    assert refused(body[: len(body) // 2]).code in ("broken_image", "not_an_image")


def test_too_many_bytes_are_refused_unread() -> None:
    error = refused(bytes(limits.MAX_IMAGE_BYTES + 1))
    assert (error.code, error.status) == ("image_too_large", 413)


def png(size: tuple[int, int], depth: int, colour: int, content: bytes, **more: bytes) -> bytes:
    """A PNG of chunks that no library would write."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    chunks = {"IHDR": header, **more, "IDAT": zlib.compress(content), "IEND": b""}
    named = [(name.encode(), data) for name, data in chunks.items()]
    packed = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in named
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def test_a_palette_picture_without_its_palette_is_damaged() -> None:
    assert refused(png((2, 2), 8, 3, b"\0\0\0" * 2)).code == "broken_image"


def test_lays_the_transparent_value_of_sixteen_bit_grey_on_white() -> None:
    content = b"\0" + struct.pack(">3H", 7, 0, 65_535)
    image = decode(png((3, 1), 16, 0, content, tRNS=struct.pack(">H", 7)))
    assert [image.getpixel((x, 0)) for x in range(3)] == [(255,) * 3, (0,) * 3, (255,) * 3]


@pytest.mark.parametrize(("large", "at_once"), [(True, 1), (False, 4)])
def test_large_pictures_are_decoded_one_at_a_time(
    encoded: Any, monkeypatch: pytest.MonkeyPatch, large: bool, at_once: int
) -> None:
    body = encoded(half_red())
    together = threading.Barrier(at_once)
    alone: list[bool] = []
    rgb = limits._rgb

    def watched(image: Any) -> Any:
        together.wait()
        alone.append(limits._LARGE.locked())
        return rgb(image)

    monkeypatch.setattr(limits, "_rgb", watched)
    monkeypatch.setattr(limits, "LARGE_PIXELS", 40 * 20 - large)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, [body] * 4))
    assert alone == [large] * 4


@pytest.mark.parametrize("side", [7_100, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_undecoded(side: int) -> None:
    error = refused(png((side, side), 8, 2, bytes(100)))
    assert (error.code, error.status) == ("too_many_pixels", 413)


def test_a_strip_is_refused_before_it_is_blown_up(encoded: Any) -> None:
    assert refused(encoded(Image.new("RGB", (4000, 1)))).code == "image_too_narrow"


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
def test_a_deep_grey_picture_is_scaled_down_without_copies(encoded: Any, dtype: Any) -> None:
    """At the pixel limit, each copy in float64 would cost 400 MB."""
    body = encoded(Image.fromarray(np.zeros((500, 1000), dtype)), "TIFF")
    tracemalloc.start()
    decode(body)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 12 * 500_000
