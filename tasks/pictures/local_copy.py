"""A local folder for pictures wherever they are: the folder itself, or a copy of a prefix in S3."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from tasks.clients import client, explained
from tasks.errors import InputError, NotFoundError
from tasks.names import S3Location
from tasks.pictures.files import tell_left_out
from tasks.prefect_task import Progress, silent
from tasks.scratch import scratch_folder
from tasks.storage import THREADS, keys_under


@contextmanager
def local_copy(source: str, suffixes: Sequence[str], progress: Progress = silent) -> Iterator[Path]:
    """Yield the folder itself, or a temporary copy of what lies under an `s3://` prefix and has one of the suffixes.

    Without suffixes everything is copied.

    `progress` is told what was left in S3.
    """
    if not source.startswith("s3://"):
        folder = Path(source).expanduser()
        if not folder.is_dir():
            raise NotFoundError(f"{source} is not a folder. Name a folder, or an s3://BUCKET/PREFIX/.")
        yield folder
        return
    with scratch_folder("pictures") as temporary:
        _fetch_prefix(S3Location.parse(source), temporary, tuple(suffixes), progress)
        yield temporary


def _fetch_prefix(location: S3Location, folder: Path, suffixes: tuple[str, ...], progress: Progress) -> None:
    # S3 compares text: without the slash, the prefix pictures would take in pictures-old/, too
    base = location.key if not location.key or location.key.endswith("/") else location.key + "/"
    there = [k for k in keys_under(S3Location(location.bucket, base)) if not k.endswith("/")]  # the console's folders
    keys = [k for k in there if not suffixes or k.lower().endswith(suffixes)]
    chosen = set(keys)
    left = [PurePosixPath(k.removeprefix(base)) for k in there if k not in chosen]
    tell_left_out(left, progress)
    if not keys and not suffixes:
        raise NotFoundError(f"Nothing lies under {location.uri}.")
    if not keys:
        raise NotFoundError(f"Nothing that ends with {', '.join(suffixes)} lies under {location.uri}.")
    targets = _targets(keys, base)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda target: _fetch(location.bucket, targets[target], folder / target), targets))


def _targets(keys: Iterable[str], base: str) -> dict[PurePosixPath, str]:
    """The keys by their file's relative path; refuse keys that can't be side by side in a file system."""
    targets: dict[PurePosixPath, str] = {}
    for key in keys:
        relative = PurePosixPath(key.removeprefix(base))
        if ".." in relative.parts or relative.is_absolute():
            raise InputError(f"The key {key!r} would be written outside of its folder. Rename it.")
        if targets.setdefault(relative, key) != key:
            raise InputError(f"The keys {targets[relative]!r} and {key!r} are the same file in a folder. Rename one.")
    for path, key in targets.items():
        for above in path.parents:
            if above in targets:
                raise InputError(f"The key {targets[above]!r} is a file, and in {key!r} a folder. Rename one.")
    return targets


def _fetch(bucket: str, key: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with explained("s3:GetObject", f"{bucket}/{key}"):
        client("s3").download_file(bucket, key, str(target))
