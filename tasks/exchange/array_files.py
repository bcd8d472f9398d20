"""Reading numpy's files strictly: all of their bytes are looked at, and nothing in them is run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.exchange.content import UnreadableAnswerError, shortened

ALONE = ""
"""The name of the array in a .npy, which has none."""
ZIP = b"PK"
ZIP_END, ZIP_END_BYTES = b"PK\x05\x06", 22
LAST_CODE_POINT = 0x10FFFF
MOST_BYTES = 1 << 30
"""An answer that unpacks to more is not read: asynchronous answers themselves have 1 GB at most."""


def read_arrays(body: bytes) -> Mapping[str, NDArray[Any]]:
    """The arrays of a .npz by name, or that of a .npy under the name ALONE; raise UnreadableAnswerError for others."""
    if not body.startswith((np.lib.format.MAGIC_PREFIX, ZIP)):
        raise UnreadableAnswerError(f"no array of numpy's formats: it begins with {body[:16]!r}")
    try:
        return _members(body) if body.startswith(ZIP) else {ALONE: _array(body)}
    except UnreadableAnswerError:
        raise
    except Exception as exc:  # for damaged bytes numpy, zipfile and zlib raise a dozen kinds
        raise UnreadableAnswerError(
            f"no array of numpy's formats: {shortened(str(exc) or type(exc).__name__)}"
        ) from exc


def _members(body: bytes) -> Mapping[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        if body.rfind(ZIP_END) + ZIP_END_BYTES + len(archive.comment) != len(body):
            raise UnreadableAnswerError("an .npz with bytes after its end")
        infos = archive.infolist()
        names = [info.filename.removesuffix(".npy") for info in infos]
        if len(set(names)) < len(names):
            raise UnreadableAnswerError(f"an .npz that has a name twice: {sorted(names)}")
        if (size := sum(info.file_size for info in infos)) > MOST_BYTES:
            raise UnreadableAnswerError(f"an .npz that unpacks to {size:,} bytes; {MOST_BYTES:,} are read at most")
        return {name: _array(archive.read(info)) for name, info in zip(names, infos, strict=True)}


def _array(body: bytes) -> NDArray[Any]:
    stream = io.BytesIO(body)
    try:
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError as exc:
        if "Object arrays" in str(exc):
            reason = "an array of Python objects: reading it would run code of the answer (pickle), so it is refused"
            raise UnreadableAnswerError(reason) from exc
        raise
    if after := len(body) - stream.tell():
        raise UnreadableAnswerError(f"an array of numpy's format, and {after:,} bytes after it")
    _check_elements(array)
    return array


def _check_elements(array: NDArray[Any]) -> None:
    """Raise UnreadableAnswerError for elements that numpy reads, and fails with when they are used."""
    if array.size > MOST_BYTES:
        raise UnreadableAnswerError(f"an array of {array.size:,} elements; {MOST_BYTES:,} are read at most")
    for _, field in fields(array):
        dtype = field.dtype
        if dtype.kind in "mM" and np.datetime_data(dtype)[0] == "generic":
            raise UnreadableAnswerError(f"an array of {dtype} without a unit: which times it tells is not known")
        if dtype.kind == "U" and field.size and dtype.itemsize:
            native = np.ascontiguousarray(field.astype(dtype.newbyteorder("=")))
            if native.view(np.uint32).max() > LAST_CODE_POINT:
                raise UnreadableAnswerError("an array of texts with characters that don't exist")


def fields(array: NDArray[Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], NDArray[Any]]]:
    """Yield the array, or the fields of a structured one, each with the names that lead there."""
    if array.dtype.names is None:
        yield path, array
    for name in array.dtype.names or ():
        yield from fields(array[name], (*path, name))
