import base64
import io

import pytest
from PIL import Image

from tasks.pictures.thumbnail import THUMBNAIL_PIXELS, thumbnail_uri
from tests.tasks.reports import picture


def opened(uri: str | None) -> Image.Image:
    assert uri is not None
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (300, 900), (50, 40)])
def test_thumbnail_is_small_and_keeps_its_shape(width: int, height: int) -> None:
    small = opened(thumbnail_uri(picture(width, height)))
    assert max(small.size) <= THUMBNAIL_PIXELS
    assert small.width / small.height == pytest.approx(width / height, rel=0.05)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "RGB"])
def test_thumbnail_of_any_mode_is_an_opaque_jpeg(mode: str) -> None:
    assert opened(thumbnail_uri(picture(200, 200, mode, "PNG"))).mode == "RGB"


def test_thumbnail_shows_transparent_pixels_as_white() -> None:
    drawn = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(drawn, "PNG")
    assert opened(thumbnail_uri(drawn.getvalue())).getpixel((32, 32)) == (255, 255, 255)


def test_thumbnail_is_turned_upright() -> None:
    drawn = io.BytesIO()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (400, 200)).save(drawn, "JPEG", exif=turned)
    small = opened(thumbnail_uri(drawn.getvalue()))
    assert small.height > small.width


@pytest.mark.parametrize("broken", [b"", b"not a picture", picture()[:200], picture(kind="PNG")[:60], picture(500, 5)])
def test_what_can_not_be_drawn_has_no_thumbnail(broken: bytes) -> None:
    assert thumbnail_uri(broken) is None
