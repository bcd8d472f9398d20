"""Conversion of a picture to sRGB from the colour profile that is embedded in its file."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

HEADER_BYTES = 128
MAX_PROFILE_BYTES = 1024 * 1024  # those of phones have 500 bytes, those of scanners some 100 KB
ROUNDING = 2  # levels by which the conversion may change a picture that is in sRGB already
DARKEST_WHITE, LIGHTEST_BLACK, GREATEST_TINT = 235, 40, 24  # levels: what a sane profile makes of white, black, greys


def in_srgb(picture: Image.Image) -> Image.Image:
    """Convert an RGB picture to sRGB; return it as is if it is in sRGB already, or if its profile can't be used."""
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or not HEADER_BYTES < len(profile) <= MAX_PROFILE_BYTES:
        return picture
    transform = _to_srgb(profile)
    if transform is None:
        return picture
    converted = transform.point(picture)
    change = np.asarray(converted, dtype=np.int16) - np.asarray(picture)
    return converted if np.abs(change).max() > ROUNDING else picture


@lru_cache(maxsize=8)  # building one takes ten times as long as using it, and all of a phone's pictures share one
def _to_srgb(profile: bytes) -> ImageCmsTransform | None:
    """The transform from a profile to sRGB; None if it is damaged, absurd or not RGB, or Pillow has no littlecms."""
    if profile[16:20] != b"RGB ":  # the data colour space in an ICC header
        return None
    try:
        from PIL import ImageCms  # not above: most pictures have no profile and need not wait for the import

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC  # white stays white
        transform = ImageCms.ImageCmsTransform(source, srgb, "RGB", "RGB", intent)
    except (ImportError, OSError, TypeError, ValueError):
        return None
    return transform if _keeps_greys(transform) else None


def _keeps_greys(transform: ImageCmsTransform) -> bool:
    """True if black, mid-grey and white still look like that."""
    greys = np.array([[[level] * 3 for level in (0, 128, 255)]], dtype=np.uint8)
    seen = np.asarray(transform.point(Image.fromarray(greys)), dtype=np.int16)[0]
    tint = np.ptp(seen, axis=1).max()
    return bool(tint <= GREATEST_TINT and seen[0].max() <= LIGHTEST_BLACK and seen[2].min() >= DARKEST_WHITE)
