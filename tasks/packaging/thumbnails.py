"""Thumbnails of the catalogue's items, with which a report shows what was recommended.

They lie beside the artifact and not in it, because the container has no use for them.
"""

import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from recommender.pictures.image import decode
from tasks.clients import client, explained
from tasks.errors import NotFoundError
from tasks.names import S3Location
from tasks.packaging.catalogue import Entry
from tasks.packaging.published import beside
from tasks.pictures.files import read_bytes

SIDE_PX = 128
THREADS = 2
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold, given to every member: the same pictures make the same file."""


def write_thumbnails(entries: Sequence[Entry], archive: Path) -> None:
    """Write a zip with one JPEG per item, named by the item's id; JPEGs don't compress, so they are only stored."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed, ThreadPoolExecutor(THREADS) as pool:
        for entry, small in zip(entries, pool.map(lambda e: thumbnail(read_bytes(e.file)), entries), strict=True):
            packed.writestr(zipfile.ZipInfo(entry.path, ZIP_EPOCH), small)


def thumbnail(content: bytes, side_px: int = SIDE_PX) -> bytes:
    """The picture as a JPEG of at most that many pixels a side."""
    image = decode(content, at_least_px=side_px)
    image.thumbnail((side_px, side_px))
    small = io.BytesIO()
    image.save(small, "JPEG", quality=80)
    return small.getvalue()


def read_thumbnails(model_uri: str, item_ids: Iterable[str]) -> dict[str, bytes]:
    """The wanted items' thumbnails; empty where the artifact has none beside it, or none that can be unpacked."""
    where = S3Location.parse(beside(model_uri, "thumbnails.zip"))
    with tempfile.NamedTemporaryFile(suffix=".zip") as local:
        try:
            with explained("s3:GetObject", where.uri):
                client("s3").download_fileobj(where.bucket, where.key, local)
        except NotFoundError:
            return {}
        local.flush()
        try:
            with zipfile.ZipFile(local.name) as packed:
                held = set(packed.namelist())
                return {item_id: packed.read(item_id) for item_id in set(item_ids) if item_id in held}
        except (zipfile.BadZipFile, zlib.error):  # a report can lack pictures, but must not crash
            return {}
