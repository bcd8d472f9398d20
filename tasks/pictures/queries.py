"""The query pictures of a validation: from a folder or an S3 prefix, the same ones every time."""

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from recommender.errors import RequestError
from recommender.pictures.image import MAX_IMAGE_BYTES, decode
from tasks.errors import InputError, NotFoundError
from tasks.limits import MINIMUM_PICTURES, REALTIME_PAYLOAD_BYTES
from tasks.pictures.files import SUFFIXES, pictures_below, read_bytes
from tasks.pictures.local_copy import local_copy
from tasks.prefect_task import Progress, silent
from tasks.storage import download

MOST_PICTURE_BYTES = REALTIME_PAYLOAD_BYTES * 2 // 3
"""The largest picture for a real-time endpoint: base64 in the request adds a third, and the rest is room."""
MOST_ASYNC_PICTURE_BYTES = MAX_IMAGE_BYTES
"""The largest for an asynchronous one: a request may have 1 GB, so the recommender's own limit comes first."""
DECODED_PX = 448
"""Pixels a side that a JPEG is decoded to at least: as for an encoder of 224, and several times faster than whole."""
UNUSABLE_SHOWN = 5
T = TypeVar("T")
THREADS = 2


@dataclass(frozen=True)
class Picture:
    """One query picture: a name that is unique in its batch, and the file's unchanged bytes."""

    name: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def read_pictures(
    source: str, count: int, minimum: int = MINIMUM_PICTURES, progress: Progress = silent
) -> tuple[Picture, ...]:
    """At most `count` pictures (0: all) of a folder or an `s3://` prefix, spread evenly over the sorted names."""
    with local_copy(source, SUFFIXES, progress) as folder:
        files = pictures_below(folder, progress)
        if len(files) < minimum:
            raise InputError(
                f"Found {len(files)} pictures ({', '.join(SUFFIXES)}) in {source}: a validation needs at least "
                f"{minimum}. Name a folder with more, or allow fewer with minimum_pictures."
            )
        chosen = spread(files, count)
        if len(chosen) < minimum:
            raise InputError(
                f"{count} pictures were asked for (picture_count), but a validation needs at least {minimum} "
                "(minimum_pictures). Ask for more, or allow fewer."
            )
        names = [str(f.relative_to(folder)) for f in chosen]
        found = tuple(Picture(name, read_bytes(f)) for name, f in zip(names, chosen, strict=True))
    _refuse_unusable(found, source)
    return found


def spread(files: Sequence[T], count: int) -> Sequence[T]:
    """So many of them, evenly; all for 0."""
    if count <= 0 or count >= len(files):
        return files
    return [files[i * len(files) // count] for i in range(count)]


def _refuse_unusable(pictures: Sequence[Picture], source: str) -> None:
    """Refuse them all at once, before anything is deployed: nobody repairs a folder one nightly run at a time."""
    with ThreadPoolExecutor(THREADS) as pool:
        faults = [fault for fault in pool.map(fault_of, pictures) if fault]
    if faults:
        more = f" And {len(faults) - UNUSABLE_SHOWN} more." if len(faults) > UNUSABLE_SHOWN else ""
        raise InputError(
            f"{len(faults)} of {len(pictures)} query pictures from {source} can't be used; repair, replace or remove "
            f"them. {' '.join(faults[:UNUSABLE_SHOWN])}{more}"
        )


def fault_of(picture: Picture) -> str:
    """Decode as the recommender does; return why an endpoint can't answer about the picture, empty if it can."""
    try:
        decode(checked(picture.content, picture.name), at_least_px=DECODED_PX)
    except InputError as exc:
        return str(exc)
    except RequestError as exc:
        return f"{picture.name}: {exc}"
    return ""


def read_picture(source: str, most_bytes: int = MOST_PICTURE_BYTES) -> Picture:
    """One picture, from a file or an `s3://` URI."""
    if source.startswith("s3://"):
        return Picture(source.rpartition("/")[2], checked(download(source), source, most_bytes))
    path = Path(source)
    if not path.is_file():
        raise NotFoundError(f"{source} is not a file. Name a picture ({', '.join(SUFFIXES)}).")
    return Picture(path.name, checked(read_bytes(path), source, most_bytes))


def checked(content: bytes, name: str, most_bytes: int = MOST_PICTURE_BYTES) -> bytes:
    """Return the bytes; raise InputError here, rather than there, unless the endpoint can take the picture."""
    if len(content) > most_bytes:
        taken_by = "InvokeEndpoint" if most_bytes == MOST_PICTURE_BYTES else "the recommender"
        raise InputError(
            f"{name} has {len(content) / 1e6:.1f} MB: {taken_by} takes {most_bytes / 1e6:.1f} MB. "
            "Use a smaller picture."
        )
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.verify()
    except UnidentifiedImageError as exc:
        raise InputError(f"{name} is no picture: its bytes are of no known format. Remove or replace it.") from exc
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as exc:  # SyntaxError: a broken PNG
        raise InputError(
            f"{name} is no picture that can be read ({exc or type(exc).__name__}). Remove or replace it."
        ) from exc
    return content
