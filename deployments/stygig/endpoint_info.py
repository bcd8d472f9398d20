"""async_endpoint_info.json, which `stygig deploy` writes about an asynchronous endpoint, in the folder it runs in."""

import json
from pathlib import Path
from typing import Any

import typer

ENDPOINT_INFO = Path("async_endpoint_info.json")


def write_endpoint_info(info: dict[str, Any]) -> None:
    """Write the file, or warn if that fails: the endpoint is there all the same."""
    try:
        ENDPOINT_INFO.write_text(json.dumps(info, indent=2) + "\n")
    except OSError as exc:
        typer.echo(f"warning: {ENDPOINT_INFO.absolute()} could not be written: {exc.strerror}", err=True)


def read_endpoint_info() -> dict[str, str]:
    """The file's fields; none if there is no file. InputError if `stygig deploy` can't have written it so."""
    from tasks.errors import InputError

    try:
        read = json.loads(ENDPOINT_INFO.read_text())
        return {str(name): str(value) for name, value in read.items()} if read["endpoint_name"] else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InputError(f"{ENDPOINT_INFO.absolute()} can't be read ({exc!r}). Deploy again, or remove it.") from exc


def forget_endpoint(names: set[str]) -> bool:
    """Remove the file if it is about one of these endpoints, which are gone; True if it was."""
    from tasks.errors import InputError

    try:
        gone = read_endpoint_info().get("endpoint_name", "") in names
    except InputError:  # a damaged file may be somebody else's
        return False
    if gone:
        ENDPOINT_INFO.unlink(missing_ok=True)
    return gone
