"""Small pictures for a page."""

import base64
import io

from recommender.errors import RequestError
from recommender.pictures.image import decode

THUMBNAIL_PIXELS = 112
THUMBNAIL_QUALITY = 78


def thumbnail_uri(picture: bytes) -> str | None:
    """A small JPEG as a data: URI; None if the picture can't be decoded: the page then shows a placeholder."""
    try:
        small = decode(picture, at_least_px=2 * THUMBNAIL_PIXELS)
    except RequestError:
        return None
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")
