"""Wheels that AWS's own serving images lack, for the archive's code/vendor: ONNX Runtime, or open_clip.

For those images' Python, `make setup` fetches ONNX Runtime into the environment and `make setup-clip` open_clip, pinned
and hashed in requirements/container*.txt. Packaging only copies them, so it needs no network, and a container installs
nothing when it starts. An image of your own brings them itself, and its archive is that much smaller.
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

PLATFORM = "manylinux_2_28_x86_64"  # that of AWS's images, as in the Makefile's CONTAINER
VENDOR = "vendor"
"""The folder below code/ in which inference.py looks for the wheels of its Python: vendor/py312."""
UNUSED = ("bin", "open_clip_train")  # scripts and training, which serving never imports


@dataclass(frozen=True)
class Lacking:
    """A library that the images lack for an engine: its name, its pins, and the command that fetches it."""

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
        """The wheels for that Python, which `make` (in a checkout) or `fetch` has put there, or hasn't yet."""
        base = cache_folder() if FROM_A_WHEEL else Path(sys.prefix)
        return cls(python, base / LACKING[engine].pins.stem / python, engine)

    def fetch(self) -> None:
        """Fetch what the pins name, as `make setup` does in a checkout; raise InputError if pip can't."""
        asked = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        asked += ["--require-hashes", "--only-binary", ":all:", "--platform", PLATFORM]
        asked += ["--python-version", f"{self.python[2]}.{self.python[3:]}", "--target", str(self.folder)]
        shutil.rmtree(self.folder, ignore_errors=True)  # pip replaces nothing that is in --target already
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
        """Copy the files that the handler imports to code/vendor."""
        for path in self.files():
            target = code / VENDOR / self.python / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def files(self) -> Iterator[Path]:
        """The files that the handler imports, with their licences."""
        return self._onnxruntime() if self.engine == "onnxruntime" else self._open_clip()

    def _onnxruntime(self) -> Iterator[Path]:
        """Yield the package without the subpackages that build models and the library for C++ programs.

        Its requirements are left out: numpy is in the image, and only those subpackages import the rest (flatbuffers,
        protobuf, packaging).
        """
        package = self.folder / "onnxruntime"
        for path in (*package.iterdir(), *(package / "capi").iterdir()):
            if path.is_file() and not path.name.startswith("libonnxruntime.so"):
                yield path

    def _open_clip(self) -> Iterator[Path]:
        """Yield all packages, and from the .dist-info folders only the licences."""
        for package in self.folder.iterdir():
            about = package.name.endswith(".dist-info")
            for path in (package / "licenses" if about else package).rglob("*"):
                if path.is_file() and package.name not in UNUSED and path.suffix != ".pyc":
                    yield path

    @property
    def present(self) -> bool:
        """True if the folder holds exactly the pinned packages."""
        pinned = re.findall(r"^([\w-]+)==([\w.]+)", self.pins, re.MULTILINE)
        found = ((each.name.lower().replace("_", "-"), each.version) for each in distributions(path=[str(self.folder)]))
        return sorted(pinned) == sorted(found)


def check_searchable(items: int, wheels: Wheels | None) -> None:
    """Raise InputError for so many items that faiss has to search them: the archive doesn't bring it along."""
    if wheels and kind_for(items) == FAISS:
        raise InputError(
            f"A catalogue of {items:,} pictures is searched by faiss, which AWS's image lacks. Package at most "
            f"{SIGNS_ITEMS:,}, or set STYGIG_IMAGE_URI to an image of yours that has faiss-cpu."
        )


def wheels_for(image_uri: str, engine: EngineName = DEFAULT_ENGINE) -> Wheels | None:
    """The wheels that an archive for this image must carry; None if the image isn't AWS's and brings its own."""
    account = image_uri.partition(".")[0]
    python = re.search(r"-(py3\d+)", image_uri.rpartition(":")[2])  # tags are like 2.6.0-cpu-py312
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
