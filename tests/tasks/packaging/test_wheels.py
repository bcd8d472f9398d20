"""The wheels that an archive carries for AWS's own images: pinned, complete, found by the handler, never in the way."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from tasks.encoder.choice import EncoderChoice
from tasks.encoder.options import EngineName
from tasks.errors import InputError
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.artifact import package
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tasks.packaging.inputs import PackagingInputs, handler_files, inputs_digest
from tasks.packaging.published import read_manifest
from tasks.packaging.wheels import LACKING, Wheels, check_searchable, wheels_for
from tasks.plan import RunPlan
from tasks.settings import ACCOUNT_OF_AWS_IMAGES, Settings, images, serving_image
from tests.inference_src.contract import without_timings
from tests.tasks.fetched import OURS, link_distribution, of_this_python, with_requirements
from tests.tasks.tiny_clip import NAME, tiny_clip

AWS_IMAGE = serving_image(Settings(image_uri=""), "eu-west-1")
AWS_GPU_IMAGE = serving_image(Settings(image_uri=""), "eu-west-1", "gpu")
OF_THE_IMAGE = Wheels.fetched("py312")
OPEN_CLIP = Wheels.fetched("py312", "torch")
CANDIDATES = (os.environ.get("LOCALAWS_TORCHSERVE_PYTHON"), shutil.which("python3.12"))

needs_fetched = pytest.mark.skipif(
    not OF_THE_IMAGE.folder.is_dir(), reason="`make setup` has not fetched the image's wheels"
)
needs_open_clip = pytest.mark.skipif(
    not OPEN_CLIP.folder.is_dir(), reason="`make setup-clip` has not fetched open_clip"
)

# A container without a network: it has Python, numpy and Pillow, and nothing else from this environment.
CONTAINER = """
import socket, sys
def refused(*_): raise AssertionError("a container may not open a socket")
socket.socket.connect = socket.getaddrinfo = refused
model_dir, installed, picture = sys.argv[1:4]
sys.path[:0] = [model_dir + "/code", installed]
import inference
model = inference.model_fn(model_dir)
with open(picture, "rb") as opened:
    question = inference.input_fn(opened.read(), "image/jpeg")
body, _ = inference.output_fn(inference.predict_fn(question, model), "application/json")
import importlib
print(importlib.import_module(sys.argv[4]).__file__)
print(body)
"""


@pytest.fixture
def python_312() -> str:
    """A Python 3.12 with numpy and Pillow, as AWS's image has them."""
    asked = "import sys, numpy, PIL; sys.exit(sys.version_info[:2] != (3, 12))"
    for python in filter(None, CANDIDATES):
        if subprocess.run([python, "-c", asked], capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip("no Python 3.12 with numpy and Pillow: put one on PATH as python3.12")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with numpy and Pillow, and without ONNX Runtime."""
    folder = tmp_path / "installed"
    folder.mkdir()
    for name in ("numpy", "pillow"):
        link_distribution(name, folder)
    return folder


@pytest.fixture(scope="module")
def stage(drawn_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An unpacked artifact with wheels for this Python and the image's, read-only."""
    folder = tmp_path_factory.mktemp("wheels")
    stage = folder / "model"
    wheels = of_this_python(folder / "fetched")
    build(scan_catalogue(drawn_catalogue), EncoderChoice("demo"), stage, lambda line: None, wheels)
    if OF_THE_IMAGE.folder.is_dir():
        OF_THE_IMAGE.ship(stage / "code")
    folders = [stage, *(each for each in stage.rglob("*") if each.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield stage
    for folder in folders:
        folder.chmod(0o755)


def answered(python: str, stage: Path, installed: str, picture: Path, shipped: str = "onnxruntime") -> tuple[Path, str]:
    """The path at which that Python found the shipped package, and the artifact's answer."""
    flags = ["-I", "-B", *(["-S"] if installed else [])]
    asked: list[str | Path] = [python, *flags, "-c", CONTAINER, stage, installed, picture, shipped]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    where, body = done.stdout.splitlines()
    return Path(where), body


def a_picture(folder: Path) -> Path:
    return sorted(folder.rglob("*.jpg"))[0]


def test_a_container_without_onnx_runtime_or_network_answers_from_the_archive(
    stage: Path, installed: Path, drawn_catalogue: Path
) -> None:
    where, body = answered(sys.executable, stage, str(installed), a_picture(drawn_catalogue))
    assert where.is_relative_to(stage / "code" / "vendor" / OURS)
    assert '"rank": 1' in body


def test_what_is_installed_is_not_hidden(stage: Path, installed: Path, drawn_catalogue: Path) -> None:
    link_distribution("onnxruntime", installed)
    where, _ = answered(sys.executable, stage, str(installed), a_picture(drawn_catalogue))
    assert where.is_relative_to(installed)


@needs_fetched
def test_the_images_python_answers_the_same_from_the_archive(
    stage: Path, installed: Path, drawn_catalogue: Path, python_312: str
) -> None:
    picture = a_picture(drawn_catalogue)
    where, body = answered(python_312, stage, "", picture)
    assert where.is_relative_to(stage / "code" / "vendor" / "py312")
    assert without_timings(body) == without_timings(answered(sys.executable, stage, str(installed), picture)[1])


@needs_fetched
def test_the_fetched_wheel_fits_awss_image() -> None:
    (tag,) = re.findall(r"^Tag: (.*)$", next(OF_THE_IMAGE.folder.glob("*.dist-info/WHEEL")).read_text(), re.MULTILINE)
    assert tag.startswith("cp312-cp312-manylinux")
    assert tag.endswith("_x86_64")
    assert (images()["cpu"], images()["gpu"]) == ("2.6.0-cpu-py312", "2.6.0-gpu-py312")
    assert [each.name for each in OF_THE_IMAGE.files() if "cpython-312-x86_64" in each.name]


@pytest.mark.parametrize(("engine", "name"), [("onnxruntime", "onnxruntime"), ("torch", "open-clip-torch")])
def test_any_image_gets_the_versions_that_packaging_runs(engine: EngineName, name: str) -> None:
    pins = LACKING[engine].pins.read_text()
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", pins, re.MULTILINE))
    assert name in pinned
    assert pinned == {each: version(each) for each in pinned}
    assert "--hash=sha256:" in pins
    if engine == "onnxruntime":
        assert f"{name}=={pinned[name]}" in ACCOUNT_OF_AWS_IMAGES.with_name("Dockerfile").read_text().split()


def test_only_what_the_handler_imports_is_shipped(tmp_path: Path) -> None:
    wheels = of_this_python(tmp_path / "fetched")
    wheels.ship(tmp_path / "code")
    shipped = tmp_path / "code" / "vendor" / OURS
    names = {each.relative_to(shipped).as_posix() for each in shipped.rglob("*") if each.is_file()}
    assert {"onnxruntime/__init__.py", "onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"} <= names
    assert not [name for name in names if "transformers" in name or "libonnxruntime.so" in name]
    assert sum(each.stat().st_size for each in shipped.rglob("*")) < 45_000_000


@needs_fetched
def test_awss_own_image_gets_wheels_and_another_brings_its_own() -> None:
    assert wheels_for(AWS_IMAGE) == wheels_for(AWS_GPU_IMAGE) == OF_THE_IMAGE
    assert wheels_for(f"{AWS_IMAGE}-ubuntu22.04-sagemaker") == OF_THE_IMAGE
    assert wheels_for("123456789012.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312") is None


@pytest.mark.parametrize(("engine", "fetch"), [("onnxruntime", "make setup"), ("torch", "make setup-clip")])
def test_an_image_of_awss_with_another_python_is_refused_with_what_to_do(engine: EngineName, fetch: str) -> None:
    with pytest.raises(InputError, match=rf"py311.*Run `{fetch}`.*STYGIG_IMAGE_URI to an image of yours"):
        wheels_for(AWS_IMAGE.replace("py312", "py311"), engine)


@needs_open_clip
def test_awss_own_images_get_open_clip_for_engine_torch() -> None:
    assert wheels_for(AWS_GPU_IMAGE, "torch") == wheels_for(AWS_IMAGE, "torch") == OPEN_CLIP
    assert wheels_for("registry.example/serving:1", "torch") is None
    names = {path.relative_to(OPEN_CLIP.folder).as_posix() for path in OPEN_CLIP.files()}
    assert {"open_clip/model.py", "timm/__init__.py", "safetensors/torch.py"} <= names
    licensed = {name.partition("-")[0].replace("_", "-") for name in names if "/licenses/" in name}
    assert licensed == set(re.findall(r"^([\w-]+)==", OPEN_CLIP.pins, re.MULTILINE))
    assert not [name for name in names if name.startswith(("bin/", "open_clip_train/")) or name.endswith("RECORD")]
    assert sum(path.stat().st_size for path in OPEN_CLIP.files()) < 25_000_000


@pytest.mark.clip
@pytest.mark.filterwarnings("ignore")  # torch's exporter warns about itself
def test_a_container_with_torch_and_without_open_clip_or_network_answers_from_the_archive(
    installed: Path, tmp_path: Path, drawn_catalogue: Path
) -> None:
    wheels = of_this_python(tmp_path / "fetched", "torch")
    stage = tmp_path / "model"
    with tiny_clip(tmp_path) as checkpoint:
        entries = scan_catalogue(drawn_catalogue)
        build(entries, EncoderChoice(f"{NAME}:{checkpoint}", engine="torch"), stage, lambda line: None, wheels)
    for name in with_requirements("torchvision"):
        link_distribution(name, installed)
    where, body = answered(sys.executable, stage, str(installed), a_picture(drawn_catalogue), "open_clip")
    assert where.is_relative_to(stage / "code" / "vendor" / OURS)
    assert '"rank": 1' in body


def pin(monkeypatch: pytest.MonkeyPatch, folder: Path, pins: str) -> None:
    (folder / "container.txt").write_text(pins)
    lacking = replace(LACKING["onnxruntime"], pins=folder / "container.txt")
    monkeypatch.setitem(LACKING, "onnxruntime", lacking)


def test_wheels_of_another_version_than_pinned_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = of_this_python(tmp_path / "fetched")
    assert wheels.present
    pin(monkeypatch, tmp_path, "onnxruntime==1.0.0 \\\n    --hash=sha256:00\n")
    assert not wheels.present


def test_the_inputs_digest_knows_the_wheels_by_their_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = Wheels("py312", tmp_path)
    pinned = inputs_digest([], EncoderChoice("demo"), wheels)
    assert pinned == inputs_digest([], EncoderChoice("demo"), replace(wheels, folder=tmp_path / "elsewhere"))
    pin(monkeypatch, tmp_path, wheels.pins.replace("sha256:0", "sha256:1", 1))
    assert (
        len({pinned, inputs_digest([], EncoderChoice("demo"), wheels), inputs_digest([], EncoderChoice("demo"), None)})
        == 3
    )


def test_the_same_wheels_make_the_same_bytes(tmp_path: Path) -> None:
    wheels = of_this_python(tmp_path / "fetched")
    for name in ("a", "b"):
        wheels.ship(tmp_path / name / "code")
        write_tar_gz(tmp_path / name, tmp_path / f"{name}.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


@needs_fetched
def test_a_run_on_awss_image_packages_them(plan: RunPlan, drawn_catalogue: Path) -> None:
    hats = str(drawn_catalogue / "accessories")
    on_awss = replace(plan, settings=Settings(bucket=plan.bucket, image_uri=""))
    artifact = package(on_awss, PackagingInputs(hats), lambda line: None)
    assert "code/vendor/py312/onnxruntime/__init__.py" in read_manifest(artifact.uri)["files"]


def test_the_handler_itself_ships_no_wheels() -> None:
    assert not [path for path in handler_files() if "vendor" in path.parts]


def test_more_pictures_than_awss_image_can_search_are_refused_before_they_are_encoded() -> None:
    wheels = OF_THE_IMAGE
    check_searchable(2_000_000, wheels)
    check_searchable(2_000_001, None)
    with pytest.raises(
        InputError, match=r"2,000,001 pictures is searched by faiss.*at most 2,000,000.*STYGIG_IMAGE_URI"
    ):
        check_searchable(2_000_001, wheels)
