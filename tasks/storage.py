"""Objects and prefixes in S3, and folders that may stand for them."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from botocore.exceptions import ClientError

from tasks.clients import client, explained, is_missing
from tasks.errors import InputError, NotFoundError
from tasks.names import S3Location
from tasks.picture_files import Progress, silent, tell_left_out

THREADS = 16


def exists(location: S3Location) -> bool:
    """Whether the object is there. A refusal is an error, never "no"."""
    with explained("s3:GetObject (and s3:ListBucket, without which a missing key answers 403)", location.uri):
        try:
            client("s3").head_object(Bucket=location.bucket, Key=location.key)
        except ClientError as exc:
            if is_missing(exc):
                return False
            raise
    return True


def download(uri: str) -> bytes:
    """The object's bytes."""
    location = S3Location.parse(uri)
    with explained("s3:GetObject", uri):
        body: bytes = client("s3").get_object(Bucket=location.bucket, Key=location.key)["Body"].read()
    return body


def upload(content: bytes, location: S3Location, content_type: str = "application/octet-stream") -> str:
    with explained("s3:PutObject", location.uri):
        client("s3").put_object(Bucket=location.bucket, Key=location.key, Body=content, ContentType=content_type)
    return location.uri


def upload_file(path: Path, location: S3Location) -> str:
    # boto3's upload_file hides the ClientError in an error of its own; upload_fileobj lets it through.
    with explained("s3:PutObject", location.uri), path.open("rb") as opened:
        client("s3").upload_fileobj(opened, location.bucket, location.key)
    return location.uri


def keys_under(location: S3Location) -> Iterator[str]:
    """Every key under a prefix; one listing per 1,000."""
    with explained("s3:ListBucket", location.uri):
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=location.key)
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", []))


@contextmanager
def local_copy(source: str, suffixes: Sequence[str], progress: Progress = silent) -> Iterator[Path]:
    """The folder itself, or a temporary copy of what lies under an `s3://` prefix and ends like that.

    `progress` hears what was left in S3.
    """
    if not source.startswith("s3://"):
        folder = Path(source).expanduser()
        if not folder.is_dir():
            raise NotFoundError(f"{source} is not a folder. Name a folder of pictures, or an s3://BUCKET/PREFIX/.")
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="stygig-") as temporary:
        _fetch_prefix(S3Location.parse(source), Path(temporary), tuple(suffixes), progress)
        yield Path(temporary)


def _fetch_prefix(location: S3Location, folder: Path, suffixes: tuple[str, ...], progress: Progress) -> None:
    base = location.key if not location.key or location.key.endswith("/") else location.key + "/"
    there = [k for k in keys_under(S3Location(location.bucket, base)) if not k.endswith("/")]  # the console's folders
    keys = [k for k in there if k.lower().endswith(suffixes)]
    left = [PurePosixPath(k.removeprefix(base)) for k in there if not k.lower().endswith(suffixes)]
    tell_left_out(left, progress)
    if not keys:
        raise NotFoundError(f"Nothing that ends with {', '.join(suffixes)} lies under {location.uri}.")
    targets = _targets(keys, base)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda target: _fetch(location.bucket, targets[target], folder / target), targets))


def _targets(keys: Iterable[str], base: str) -> dict[PurePosixPath, str]:
    """The path of each key's file below a folder, with the key: S3 has keys that no file system has side by side."""
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
