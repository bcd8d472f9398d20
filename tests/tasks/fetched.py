"""Wheels for the Python that runs the tests, since `make setup` fetches only those for AWS's images."""

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tasks.encoder.options import EngineName
from tasks.packaging.wheels import LACKING, Wheels

OURS = f"py{sys.version_info.major}{sys.version_info.minor}"


def of_this_python(folder: Path, engine: EngineName = "onnxruntime") -> Wheels:
    """The installed packages of an engine's pins, laid out as if they had been fetched."""
    folder.mkdir()
    for name in re.findall(r"^([\w-]+)==", LACKING[engine].pins.read_text(), re.MULTILINE):
        link_distribution(name, folder)
    return Wheels(OURS, folder, engine)


def link_distribution(name: str, folder: Path) -> None:
    """Link the files of an installed distribution into the folder."""
    found = distribution(name)
    for first in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        if not (folder / first).exists():  # packages share nvidia/
            (folder / first).symlink_to(Path(str(found.locate_file(first))))


def with_requirements(name: str) -> set[str]:
    """The distribution and all that it requires, directly or not."""
    names, waiting = set[str](), [name]
    while waiting:
        names.add(name := waiting.pop())
        required = (Requirement(each) for each in distribution(name).requires or ())
        waiting += [each.name for each in required if not each.marker or each.marker.evaluate({"extra": ""})]
        waiting = [each for each in waiting if each not in names]
    return names
