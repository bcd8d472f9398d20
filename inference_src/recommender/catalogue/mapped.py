"""Arrays that stay on disk: they are mapped, so that start and memory don't grow with the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recommender.errors import ArtifactError


def open_array(path: Path, dtype: DTypeLike, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """The array of a .npy file, mapped read-only; ArtifactError unless it has this dtype and shape (None: any)."""
    must_exist(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ArtifactError(f"{path} isn't a complete .npy file: {error}") from error
    fits = len(shape) == array.ndim and all(
        wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits:
        wanted = ", ".join("n" if size is None else str(size) for size in shape)
        raise ArtifactError(f"{path} holds {array.dtype} {array.shape}; wanted {np.dtype(dtype)} [{wanted}].")
    return np.asarray(array)  # still mapped, but without numpy's memmap class, which is slow


def must_exist(path: Path) -> None:
    """Raise ArtifactError unless the file is there."""
    if not path.is_file():
        raise ArtifactError(f"No {path.name} in {path.parent}; package the catalogue again.")
