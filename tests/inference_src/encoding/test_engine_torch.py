"""An image tower on torch, as packaging makes it: answers like ONNX Runtime's, is read strictly, fetches nothing."""

import json
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inference
from recommender.encoding.encoder import load_encoder
from recommender.encoding.engines import Hardware
from recommender.errors import ArtifactError
from recommender.stopwatch import Stopwatch
from tasks.encoder.choice import EncoderChoice
from tasks.encoder.options import EngineName
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tests.tasks.tiny_clip import NAME, tiny_clip

pytest.importorskip("open_clip")
torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.clip, pytest.mark.filterwarnings("ignore")]  # torch's exporter warns about itself
BATCH = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory, drawn_catalogue: Path) -> dict[str, Path]:
    """The same model and catalogue, packaged for each engine."""
    root = tmp_path_factory.mktemp("engines")
    engines: tuple[EngineName, ...] = ("onnxruntime", "torch")
    with tiny_clip(tmp_path_factory.mktemp("clip")) as checkpoint:
        for engine in engines:
            wanted = f"{NAME}:{checkpoint}"
            build(
                scan_catalogue(drawn_catalogue), EncoderChoice(wanted, engine=engine), root / engine, lambda line: None
            )
    return {engine: root / engine for engine in engines}


@pytest.fixture
def folder(artifacts: dict[str, Path], tmp_path: Path) -> Path:
    """An encoder folder that a test may change."""
    shutil.copytree(artifacts["torch"] / "encoder", tmp_path / "encoder")
    return tmp_path / "encoder"


def answered(model_dir: Path, picture: bytes) -> Any:
    body = json.dumps({"image": b64encode(picture).decode(), "include_embedding": True, "top_k": 5})
    asked = inference.input_fn(body, "application/json")
    answer, _ = inference.output_fn(inference.predict_fn(asked, inference.model_fn(str(model_dir))), "application/json")
    return json.loads(answer)


def test_answers_like_onnx_runtime(artifacts: dict[str, Path], drawn_catalogue: Path) -> None:
    picture = sorted(drawn_catalogue.rglob("*.jpg"))[0].read_bytes()
    ours, theirs = (answered(artifacts[engine], picture) for engine in ("torch", "onnxruntime"))
    assert np.dot(ours["query"]["embedding"], theirs["query"]["embedding"]) >= 0.99999
    assert [each["item_id"] for each in ours["recommendations"]] == [
        each["item_id"] for each in theirs["recommendations"]
    ]


ALONE = """
import json, pathlib, socket, sys
def refused(*_, **__): raise AssertionError("a container may not open a socket")
socket.socket.connect = socket.getaddrinfo = refused
sys.modules["onnxruntime"] = None
import torch
torch.load = refused
import inference
model = inference.model_fn(sys.argv[1], None)
asked = inference.input_fn(pathlib.Path(sys.argv[2]).read_bytes(), "image/jpeg", None)
body, _ = inference.output_fn(inference.predict_fn(asked, model, None), "application/json", None)
assert json.loads(body)["recommendations"]
"""


def test_answers_without_onnx_runtime_or_network_from_a_read_only_folder(
    artifacts: dict[str, Path], drawn_catalogue: Path
) -> None:
    root = artifacts["torch"]
    paths = [root, *root.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    command = [sys.executable, "-c", ALONE, str(root), str(sorted(drawn_catalogue.rglob("*.jpg"))[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for path in paths:
        path.chmod(path.stat().st_mode | 0o200)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["image.json", "image.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=rf"No {name} in .*; encoder\.json asks for engine torch"):
        load_encoder(folder)


def test_missing_and_unexpected_weights_are_named(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "image.safetensors")
    weights["projection"] = weights.pop("proj")
    save_file(weights, folder / "image.safetensors")
    with pytest.raises(ArtifactError, match=r'Missing.*"proj".*Unexpected.*"projection".*Package the model again'):
        load_encoder(folder)


def test_weights_of_another_shape_are_named(folder: Path) -> None:
    change(folder / "image.json", embed_dim=16)
    with pytest.raises(ArtifactError, match=r"image\.safetensors doesn't fit .*size mismatch for proj"):
        load_encoder(folder)


def test_another_image_size_than_encoder_json_says_is_refused(folder: Path) -> None:
    change(folder / "encoder.json", image_size=64)
    with pytest.raises(ArtifactError, match=r"image\.json says image_size \(32, 32\), encoder\.json 64"):
        load_encoder(folder)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ("{damaged", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError: 'vision_cfg'"),
        ('{"embed_dim": 32, "quick_gelu": true, "vision_cfg": {"depth": 2}}', "unexpected keyword argument 'depth'"),
        (
            '{"embed_dim": 32, "quick_gelu": true, "vision_cfg": {"timm_model_name": "hf-hub:timm/vit"}}',
            "would fetch the config of hf-hub:timm/vit",
        ),
    ],
)
def test_a_config_from_which_nothing_can_be_built_is_named(folder: Path, config: str, complaint: str) -> None:
    (folder / "image.json").write_text(config)
    with pytest.raises(ArtifactError, match=rf"can't build what .*image\.json describes: .*{complaint}"):
        load_encoder(folder)


def test_damaged_weights_are_named(folder: Path) -> None:
    (folder / "image.safetensors").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match=r"image\.safetensors doesn't fit .*SafetensorError"):
        load_encoder(folder)


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda:2"), (False, "cpu")])
def test_runs_on_the_given_gpu_where_torch_sees_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, device: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, device: asked.append(device) or self)
    encoder = load_encoder(folder, Hardware(gpu=2))
    assert asked == [encoder.device] == [device]


def test_takes_as_many_threads_as_it_is_given(folder: Path) -> None:
    before = torch.get_num_threads()
    load_encoder(folder, Hardware(threads=3))
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def test_its_weights_are_a_stage_of_a_start_of_their_own(folder: Path) -> None:
    watch = Stopwatch()
    encoder = load_encoder(folder, Hardware(threads=2), watch)
    assert list(watch.stages_ms) == ["engine", "construct", "weights"]
    assert encoder.threads == 2


def test_a_picture_has_the_same_embedding_alone_and_in_a_batch(folder: Path) -> None:
    encoder = load_encoder(folder)
    alone = np.concatenate([encoder.encode(each[None]) for each in BATCH])
    assert np.allclose(encoder.encode(BATCH), alone, atol=1e-6)


def change(path: Path, **said: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | said))
