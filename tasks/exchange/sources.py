"""Where requests come from: pictures for the recommender, or a folder or S3 prefix of bodies as they are.

A body's content type follows from its file's suffix, or from `requests.csv` beside the files, with the columns file,
content_type, accept, custom_attributes and expect (ok, or refused for a request that must fail).
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from tasks.demo.sources import pictures_source
from tasks.errors import InputError
from tasks.exchange.csv_table import read_table
from tasks.exchange.kinds import AnswerKind
from tasks.exchange.recommendations import NOT_A_PICTURE, picture_request
from tasks.exchange.request import Request
from tasks.limits import MINIMUM_PICTURES, REALTIME_PAYLOAD_BYTES
from tasks.pictures.files import files_below, read_bytes
from tasks.pictures.local_copy import local_copy
from tasks.pictures.queries import read_pictures, spread
from tasks.prefect_task import Progress, run_logger, silent, task

LIST = "requests.csv"
CONTENT_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".csv": "text/csv",
    ".npy": "application/x-npy",
    ".npz": "application/x-npz",
    ".txt": "text/plain",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".xml": "application/xml",
    ".pb": "application/x-protobuf",
    ".pdf": "application/pdf",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
}
"""The content types of bodies by their suffix; others are application/octet-stream."""
UNKNOWN = "application/octet-stream"
EXPECTED = ("ok", "refused")
HEADERS = ("content_type", "accept", "custom_attributes")
HEADER = re.compile(r"[ -~]{0,1024}")


def read_requests(source: str, count: int, minimum: int, progress: Progress = silent) -> tuple[Request, ...]:
    """At most `count` requests (0: all) of a folder or an `s3://` prefix; those that must fail come on top, last."""
    with local_copy(source, (), progress) as folder:
        listed = _listed(folder / LIST)
        files = {str(file.relative_to(folder)): file for file in files_below(folder) if file != folder / LIST}
        if strays := sorted(set(listed) - set(files)):
            raise InputError(f"{LIST} speaks of {len(strays)} files that are not in {source}, first {strays[0]!r}.")
        found = [_request(name, file, listed.get(name, {})) for name, file in sorted(files.items())]
    wanted = [request for request in found if not request.refused]
    chosen = spread(wanted, count)
    if len(chosen) < minimum:
        raise InputError(
            f"Found {len(found)} requests in {source}, {len(found) - len(wanted)} of which must be refused and "
            f"{len(chosen)} of which would be compared: a validation needs at least {minimum}. Name a folder with "
            "more, or allow fewer with minimum_pictures."
        )
    return (*chosen, *(request for request in found if request.refused))


def _listed(file: Path) -> Mapping[str, Mapping[str, str]]:
    if not file.exists():
        return {}
    table = read_table(file, "file")
    if unknown := sorted(set(table.columns) - {"file", *HEADERS, "expect"}):
        raise InputError(f"{file.name} has the columns {unknown}; known are file, {', '.join(HEADERS)} and expect.")
    rows: dict[str, dict[str, str]] = {}
    for line, row in table.rows:
        name = str(PurePosixPath(row["file"]))  # ./a.json is a.json
        if name in rows:
            raise InputError(f"{file.name}, line {line}: {row['file']} is listed twice.")
        row["expect"] = row.get("expect", "").lower()
        if row["expect"] not in ("", *EXPECTED):
            raise InputError(f"{file.name}, line {line}: expect is {row['expect']!r}; it is {' or '.join(EXPECTED)}.")
        for header in HEADERS:
            if not HEADER.fullmatch(row.get(header, "")):
                raise InputError(
                    f"{file.name}, line {line}: {header} is {row[header]!r}; SageMaker takes at most 1,024 characters "
                    "of ASCII, as HTTP's headers are."
                )
        rows[name] = row
    return rows


def _request(name: str, file: Path, said: Mapping[str, str]) -> Request:
    body = read_bytes(file)
    if len(body) > REALTIME_PAYLOAD_BYTES:
        raise InputError(
            f"{name} has {len(body) / 1e6:.1f} MB: InvokeEndpoint, which the baseline answers by, takes "
            f"{REALTIME_PAYLOAD_BYTES / 1e6:.1f} MB. Use a smaller request."
        )
    content_type = said.get("content_type") or CONTENT_TYPES.get(file.suffix.lower(), UNKNOWN)
    return Request(
        name=name,
        body=body,
        content_type=content_type,
        accept=said.get("accept") or "*/*",
        custom_attributes=said.get("custom_attributes", ""),
        expect="refused" if said.get("expect") == "refused" else "ok",
        picture=body if content_type.startswith("image/") else b"",
    )


def kind_for(compare: AnswerKind, requests: str) -> AnswerKind:
    """The kind of the answers: those to pictures are recommendations, others tell it by their content type."""
    return "recommendations" if compare == "auto" and not requests else compare


@task(name="read-requests", only_reads=True)
def read_requests_task(
    requests: str, pictures: str, count: int, minimum: int = MINIMUM_PICTURES, top_k: int = 5
) -> tuple[Request, ...]:
    """Read the requests, or else the pictures and one request that the recommender must refuse."""
    logger = run_logger()
    return read_asked(requests, pictures, count, minimum, top_k, lambda line: logger.info("requests: %s", line))


def read_asked(
    requests: str, pictures: str, count: int, minimum: int, top_k: int, say: Progress = silent
) -> tuple[Request, ...]:
    """The requests of a run, in the order in which they are sent."""
    if requests:
        found = read_requests(requests, count, minimum, say)
        say(f"{len(found)} requests from {requests}")
        return found
    source = pictures_source(pictures, say)
    read = read_pictures(source, count, minimum, say)
    say(f"{len(read)} query pictures from {source}")
    return (*(picture_request(each, top_k) for each in read), NOT_A_PICTURE)


def to_compare(requests: Sequence[Request]) -> list[Request]:
    """The requests whose answers are compared: those that need not fail."""
    return [request for request in requests if not request.refused]
