"""What AWS's own serving images lack, for the archive's code/vendor: ONNX Runtime, or open_clip.

`make setup` fetches ONNX Runtime for those images' Python into the environment, `make setup-clip` open_clip, pinned and
hashed in requirements/container*.txt; packaging only copies. So packaging needs no network, and a container installs
nothing when it starts. An image of one's own brings them itself, and its archive stays that much smaller.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Self

from recommender.catalogue.search import FAISS, SIGNS_ITEMS, kind_for
from tasks.encoder.options import DEFAULT_ENGINE, EngineName
from tasks.errors import InputError
from tasks.settings import cache_folder, images
from tasks.shipped import FROM_A_WHEEL, shipped

PLATFORM = "manylinux_2_28_x86_64"
VENDOR = "vendor"
"""The folder below code/ where inference.py looks, by the name of its Python: vendor/py312."""
UNUSED = ("bin", "open_clip_train")


@dataclass(frozen=True)
class Lacking:
    """What the images lack for an engine: in words, its pins, and what fetches it."""

    what: str
    pins: Path
    fetch: str


LACKING: dict[EngineName, Lacking] = {
    "onnxruntime": Lacking("ONNX Runtime", shipped("requirements/container.txt"), "make setup"),
    "torch": Lacking("open_clip", shipped("requirements/container_torch.txt"), "make setup-clip"),
}


@dataclass(frozen=True)
class Wheels:
    """The unpacked wheels of an engine for one Python, named as in an image's tag: py312."""

    python: str
    folder: Path
    engine: EngineName = DEFAULT_ENGINE

    @classmethod
    def fetched(cls, python: str, engine: EngineName = DEFAULT_ENGINE) -> Self:
        """What has been fetched for that Python, if it has: by `make` into the environment, without it by `fetch`."""
        base = cache_folder() if FROM_A_WHEEL else Path(sys.prefix)
        return cls(python, base / LACKING[engine].pins.stem / python, engine)

    def fetch(self) -> None:
        """Fetches what the pins name, as `make setup` does in a checkout; InputError if pip can't."""
        asked = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        asked += ["--require-hashes", "--only-binary", ":all:", "--platform", PLATFORM]
        asked += ["--python-version", f"{self.python[2]}.{self.python[3:]}", "--target", str(self.folder)]
        shutil.rmtree(self.folder, ignore_errors=True)
        done = subprocess.run([*asked, "-r", LACKING[self.engine].pins], capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split())[-400:]
            raise InputError(f"What AWS's image lacks, {LACKING[self.engine].what}, could not be fetched: {said}")

    @property
    def pins(self) -> str:
        """The text of the pinned requirements."""
        return LACKING[self.engine].pins.read_text()

    def digest(self) -> str:
        """One sha256 over the Python and the pins, which hold the wheels' own hashes."""
        return hashlib.sha256(self.python.encode() + self.pins.encode()).hexdigest()

    def ship(self, code: Path) -> None:
        """Copies what the handler imports to code/vendor."""
        for path in self.files():
            target = code / VENDOR / self.python / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def files(self) -> Iterator[Path]:
        """What the handler imports, with its licences."""
        return self._onnxruntime() if self.engine == "onnxruntime" else self._open_clip()

    def _onnxruntime(self) -> Iterator[Path]:
        """The package without subpackages that build models and the library for C++ programs.

        What ONNX Runtime requires beyond it is left out: numpy is in the image, the rest (flatbuffers, protobuf,
        packaging) only those subpackages import.
        """
        package = self.folder / "onnxruntime"
        for path in (*package.iterdir(), *(package / "capi").iterdir()):
            if path.is_file() and not path.name.startswith("libonnxruntime.so"):
                yield path

    def _open_clip(self) -> Iterator[Path]:
        """All packages; of what says how they were installed, only the licences."""
        for package in self.folder.iterdir():
            about = package.name.endswith(".dist-info")
            for path in (package / "licenses" if about else package).rglob("*"):
                if path.is_file() and package.name not in UNUSED and path.suffix != ".pyc":
                    yield path

    @property
    def present(self) -> bool:
        """Whether exactly what the pins ask for lies there."""
        pinned = re.findall(r"^([\w-]+)==([\w.]+)", self.pins, re.MULTILINE)
        found = ((each.name.lower().replace("_", "-"), each.version) for each in distributions(path=[str(self.folder)]))
        return sorted(pinned) == sorted(found)


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
    wheels, lacking = Wheels.fetched(python[1], engine), LACKING[engine]
    if FROM_A_WHEEL and not wheels.present:
        wheels.fetch()
    if not wheels.present:
        raise InputError(
            f"AWS's image {image_uri} has no {lacking.what}, and what {lacking.pins.name} pins is not in "
            f"{wheels.folder}. Run `{lacking.fetch}`, which fetches it for the images of deployments/aws/images.yaml; "
            "for another Python, set STYGIG_IMAGE_URI to an image of yours that has it (deployments/aws/Dockerfile)."
        )
    return wheels
