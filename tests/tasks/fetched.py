"""Wheels for the Python that runs the tests, where `make setup` fetches only those for AWS's image."""

import sys
from importlib.metadata import distribution, version
from pathlib import Path

from tasks.wheels import Wheels

OURS = f"py{sys.version_info.major}{sys.version_info.minor}"


def of_this_python(folder: Path) -> Wheels:
    """The installed ONNX Runtime, laid out as if it had been fetched."""
    installed = Path(str(distribution("onnxruntime").locate_file("onnxruntime")))
    folder.mkdir()
    (folder / "onnxruntime").symlink_to(installed)
    info = f"onnxruntime-{version('onnxruntime')}.dist-info"
    (folder / info).symlink_to(installed.parent / info)
    return Wheels(OURS, folder)
