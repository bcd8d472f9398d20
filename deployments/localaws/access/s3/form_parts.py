"""The parts of a browser's form, in their order: for S3 the file is the last part that counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from localaws.errors import AwsError

_FILE = "file"


class _Part(NamedTuple):
    name: str
    filename: str | None
    content: bytes


@dataclass(frozen=True)
class FormParts:
    """The fields before the file, with their names in lower case, and the file."""

    fields: Mapping[str, str]
    filename: str
    content: bytes

    @classmethod
    def read(cls, content_type: str, body: bytes) -> FormParts:
        """Read the form from a body; fields after the file are ignored."""
        fields: dict[str, str] = {}
        files = []
        for part in _parts(content_type, body):
            if part.filename is not None or part.name.lower() == _FILE:  # a file's part may have no filename
                files.append(part)
            elif not files:
                fields[part.name.lower()] = part.content.decode("utf-8", "replace")
        if "key" not in fields:
            raise missing("key")
        if len(files) != 1 or files[0].name.lower() != _FILE:
            raise AwsError("InvalidArgument", "POST requires exactly one file upload per request.")
        return cls(fields, files[0].filename or "", files[0].content)

    @property
    def key(self) -> str:
        """The object's key, with `${filename}` replaced by the file's name without its folders."""
        return self.fields["key"].replace("${filename}", self.filename.rpartition("/")[2])


def missing(field: str) -> AwsError:
    """S3's error for a form that lacks a field, or has it only after the file."""
    needed = f"Bucket POST must contain a field named '{field}'."
    return AwsError("InvalidArgument", f"{needed}  If it is specified, please check the order of the fields.")


def _parts(content_type: str, body: bytes) -> Iterator[_Part]:
    decoder = MultipartDecoder(parse_options_header(content_type)[1].get("boundary", "").encode())
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        yield from _decoded(decoder)
    except ValueError:
        text = "The body of your POST request is not well-formed multipart/form-data."
        raise AwsError("MalformedPOSTRequest", text) from None


def _decoded(decoder: MultipartDecoder) -> Iterator[_Part]:
    head: Field | File | None = None
    content: list[bytes] = []
    while not isinstance(event := decoder.next_event(), (Epilogue, NeedData)):
        if isinstance(event, (Field, File)):
            head, content = event, []
        elif isinstance(event, Data) and head is not None:
            content.append(event.data)
            if not event.more_data:
                yield _Part(head.name, head.filename if isinstance(head, File) else None, b"".join(content))
