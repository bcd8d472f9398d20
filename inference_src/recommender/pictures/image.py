"""Decoding of a caller's bytes to an upright RGB picture, and its preparation as an encoder's input."""

from __future__ import annotations

import contextlib
import io
import struct
import threading
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from recommender.errors import RequestError

if TYPE_CHECKING:
    from recommender.encoding.encoder import EncoderSpec

MAX_IMAGE_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
LARGE_PIXELS = 8_000_000  # more than a phone's JPEG has after draft()
PEAK_BYTES_PER_PIXEL = 21  # while a large picture is decoded: measured, most for a WebP that must be turned
MAX_ASPECT_RATIO = 40  # resizing the shorter side of a 1 × 65,535 strip would ask for gigabytes
DRAFT_FACTOR = 2  # a JPEG decoded at twice the encoder's size: cosine 0.999998 to the embedding of the full one
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow only warns about pictures that our own limit refuses, and about flaws that it reads past: noise in every log.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
# The errors that Pillow raises when it decodes or converts a broken file; any other error stays a 5xx.
_BROKEN_FILE = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error),
    *(OverflowError, ZeroDivisionError, RuntimeError, AssertionError, AttributeError),
)
_LARGE = threading.Lock()  # a few bytes may decode to gigabytes: one large picture at a time, in all threads


def decode(body: bytes | bytearray | memoryview, at_least_px: int | None = None) -> Image.Image:
    """The upright RGB picture in `body`: first frame, transparency on white; RequestError if there is none.

    Its pixel values are the file's own, as open_clip takes them; the file's colour profile stays in its info.
    With `at_least_px` a JPEG may be decoded at a half, a quarter or an eighth of its size, with its shorter side still
    at least that long: three times faster at 12 megapixels.
    """
    _check_length(len(body))
    try:
        # without formats= a file would reach every plugin of Pillow
        with Image.open(io.BytesIO(body), formats=FORMATS) as image:
            _check_size(*image.size)
            if at_least_px is not None:
                image.draft(None, (at_least_px, at_least_px))
            with _LARGE if image.width * image.height > LARGE_PIXELS else contextlib.nullcontext():
                image.load()
                return _upright(_rgb(image), _orientation(image))
    except RequestError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        message = f"image has more than {MAX_PIXELS:,} pixels: send a smaller picture."
        raise RequestError("too_many_pixels", message) from error
    except UnidentifiedImageError as error:
        message = f"image isn't a picture in a known format; send one of {', '.join(FORMATS)}."
        raise RequestError("not_an_image", message) from error
    except _BROKEN_FILE as error:
        message = f"image is damaged or cut short ({type(error).__name__}); send the whole file."
        raise RequestError("broken_image", message) from error


def decode_for(spec: EncoderSpec, body: bytes | bytearray | memoryview) -> Image.Image:
    """The picture as both catalogue and query use it: no larger than this encoder and the colours need."""
    return decode(body, at_least_px=DRAFT_FACTOR * spec.image_size)


def preprocess(image: Image.Image, spec: EncoderSpec) -> NDArray[np.float32]:
    """The encoder's input [3, S, S], bit-equal to open_clip's inference transform."""
    size = spec.image_size
    resample = Image.Resampling.BICUBIC if spec.interpolation == "bicubic" else Image.Resampling.BILINEAR
    if spec.resize_mode == "squash":
        image = image.resize((size, size), resample)
    else:
        image = _centre(_shorter_side(image, size, resample), size)
    pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
    mean = np.array(spec.mean, dtype=np.float32)[:, None, None]
    std = np.array(spec.std, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray((pixels - mean) / std)


def _check_length(length: int) -> None:
    if length == 0:
        raise RequestError("empty_image", "image is empty: 0 bytes; send the whole file.")
    if length > MAX_IMAGE_BYTES:
        message = f"image has {length:,} bytes; the limit is {MAX_IMAGE_BYTES:,}: send a smaller picture."
        raise RequestError("image_too_large", message)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        message = f"image has {width} × {height} pixels; the limit is {MAX_PIXELS:,}: send a smaller picture."
        raise RequestError("too_many_pixels", message)
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        message = f"image is {width} × {height}; one side may be at most {MAX_ASPECT_RATIO} times the other: crop it."
        raise RequestError("image_too_narrow", message)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _eight_bits(image).convert("RGB")
    return _on_white(image) if image.has_transparency_data else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer)
    # a new image starts without the profile, which the colours need
    if profile := image.info.get("icc_profile"):
        white.info["icc_profile"] = profile
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 8 bits from one of 16 bits or of floats; Pillow's own conversion would clip it to white."""
    # in place: at 50 megapixels each copy is 200 MB
    values = np.array(image, dtype=np.float32)
    np.nan_to_num(values, copy=False)
    white = _white_level(image.mode, float(values.max(initial=0.0)))
    if isinstance(transparent := image.info.get("transparency"), int):
        values[values == transparent] = white
    values *= np.float32(255 / white)
    return Image.fromarray(np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8))


def _white_level(mode: str, highest: float) -> int:
    if mode.startswith("I;16") or highest > 255:
        return 65_535
    return 1 if mode == "F" and highest <= 1 else 255


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where it is missing or unreadable: viewers show such a picture as it is stored."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _BROKEN_FILE:
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _shorter_side(image: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    width, height = image.size
    short, long = min(width, height), max(width, height)
    if short == size:
        return image
    longer = int(size * long / short)  # cut off, not rounded, as torchvision's Resize does
    return image.resize((size, longer) if width <= height else (longer, size), resample)


def _centre(image: Image.Image, size: int) -> Image.Image:
    # rounded half to even, as torchvision's CenterCrop does
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))
