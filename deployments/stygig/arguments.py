"""What can be checked of an argument at once, without AWS and without heavy imports."""

import re
from pathlib import Path
from typing import Annotated

import typer

S3_URI = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"
NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


def checked_name(name: str) -> str:
    if name and not re.fullmatch(NAME, name):
        raise typer.BadParameter(f"{name!r}: letters, digits and single dashes between them, at most 63")
    return name


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")]
EndpointName = Annotated[str, typer.Option(callback=checked_name, help="At most 63 letters, digits and dashes.")]


def checked_uri(uri: str, option: str) -> str:
    """The URI, or nothing, if it has a bucket."""
    if uri and not re.fullmatch(S3_URI, uri):
        message = f"{uri!r} is no S3 location: expected s3://BUCKET/KEY, the bucket's name of 3 to 63 characters"
        raise typer.BadParameter(message, param_hint=option)
    return uri


def checked_encoder(encoder: str, precision: str, engine: str) -> str:
    """The encoder, if packaging could be asked for it so."""
    from tasks.encoder import check_encoder  # numpy with it
    from tasks.errors import InputError

    try:
        check_encoder(encoder, precision, engine)
    except InputError as exc:
        raise typer.BadParameter(str(exc), param_hint="--encoder") from exc
    return encoder


def checked_source(source: str, option: str) -> str:
    """A folder that exists, made absolute, an S3 URI with a bucket, or `demo`."""
    if source == "demo":
        return source
    if source.startswith("s3:"):
        return checked_uri(source, option)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise typer.BadParameter(
            f"{source} is not a folder; give a folder, s3://BUCKET/PREFIX/ or demo", param_hint=option
        )
    return str(folder.resolve())
