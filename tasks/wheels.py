"""What AWS's own serving image lacks: ONNX Runtime, for the archive's code/vendor.

`make setup` fetches it for that image's Python into the environment, pinned and hashed in requirements/container.txt;
packaging only copies. So packaging needs no network, and a container installs nothing when it starts. An image of one's
own brings ONNX Runtime itself, and its archive stays that much smaller.
"""

import hashlib
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from recommender.search import FAISS, SIGNS_ITEMS, kind_for
from tasks.encoder import DEFAULT_ENGINE, EngineName
from tasks.errors import InputError
from tasks.settings import images

REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "container.txt"
FETCHED = Path(sys.prefix) / "container"
VENDOR = "vendor"
"""The folder below code/ where inference.py looks, by the name of its Python: vendor/py312."""


@dataclass(frozen=True)
class Wheels:
    """The unpacked wheels for one Python, named as in an image's tag: py312."""

    python: str
    folder: Path

    def digest(self) -> str:
        """One sha256 over the Python and the pins, which hold the wheels' own hashes."""
        return hashlib.sha256(self.python.encode() + REQUIREMENTS.read_bytes()).hexdigest()

    def ship(self, code: Path) -> None:
        """Copies what the handler imports to code/vendor."""
        for path in self.files():
            target = code / VENDOR / self.python / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def files(self) -> Iterator[Path]:
        """The package and its licences, without subpackages that build models and the library for C++ programs.

        What ONNX Runtime requires beyond it is left out: numpy is in the image, the rest (flatbuffers, protobuf,
        packaging) only those subpackages import.
        """
        package = self.folder / "onnxruntime"
        for path in (*package.iterdir(), *(package / "capi").iterdir()):
            if path.is_file() and not path.name.startswith("libonnxruntime.so"):
                yield path

    @property
    def present(self) -> bool:
        """Whether exactly what the pins ask for lies there."""
        pinned = re.findall(r"^([\w-]+)==([\w.]+)", REQUIREMENTS.read_text(), re.MULTILINE)
        return sorted(pinned) == sorted((each.name, each.version) for each in distributions(path=[str(self.folder)]))


def check_searchable(items: int, wheels: Wheels | None) -> None:
    """Raises InputError for so many items that they are searched by faiss, which the archive doesn't bring along."""
    if wheels and kind_for(items) == FAISS:
        raise InputError(
            f"A catalogue of {items:,} pictures is searched by faiss, which AWS's image lacks. Package at most "
            f"{SIGNS_ITEMS:,}, or set STYGIG_IMAGE_URI to an image of yours that has faiss-cpu."
        )


def wheels_for(image_uri: str, engine: EngineName = DEFAULT_ENGINE) -> Wheels | None:
    """What an archive for this image must carry; None if the image is not one of AWS's and brings its own."""
    account = image_uri.partition(".")[0]
    python = re.search(r"-(py3\d+)", image_uri.rpartition(":")[2])
    if account not in images()["accounts"].values() or python is None:
        return None
    if engine == "torch":
        raise InputError(
            f"Engine torch needs open_clip, which AWS's image {image_uri} lacks and archives don't carry. Set "
            "STYGIG_IMAGE_URI to an image of yours with torch and open_clip_torch, or take engine onnxruntime."
        )
    wheels = Wheels(python[1], FETCHED / python[1])
    if not wheels.present:
        raise InputError(
            f"AWS's image {image_uri} has no ONNX Runtime, and what {REQUIREMENTS.name} pins is not in "
            f"{wheels.folder}. Run `make setup`, which fetches it for the image of deployments/aws/images.yaml; for "
            "another Python, set STYGIG_IMAGE_URI to an image of yours that has it (deployments/aws/Dockerfile)."
        )
    return wheels
