"""The package for engine torch: the image tower of an open_clip model, and nothing of its text tower."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.encoding.encoder import load_encoder
from tasks.encoder.choice import EncoderChoice, prepare_encoder
from tasks.encoder.options import CONFIG
from tasks.errors import ArtifactError
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tasks.packaging.inputs import tools
from tests.tasks.tiny_clip import NAME, TINY

open_clip = pytest.importorskip("open_clip")
torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.clip, pytest.mark.filterwarnings("ignore")]
PIXELS = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    prepare_encoder(EncoderChoice(f"{NAME}:{checkpoint}", engine="torch"), folder)
    return folder


def cosines(folder: Path, model: Any) -> Any:
    """The cosines between the embeddings of the packaged encoder and of open_clip's model."""
    with torch.inference_mode():
        expected = model.eval().encode_image(torch.from_numpy(PIXELS), normalize=True).numpy()
    return (load_encoder(folder).encode(PIXELS) * expected).sum(axis=1)


def write_folder(folder: Path, config: dict[str, Any]) -> Any:
    """Write a model and its config as a hub stores them, and return the model."""
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.manual_seed(3)
    model = open_clip.create_model(f"local-dir:{folder}")
    for name, weight in model.named_parameters():
        if name.startswith("text") and weight.ndim > 1:  # CoCa leaves some uninitialised
            torch.nn.init.normal_(weight, std=0.05)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return model


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_the_tower_gives_open_clips_embeddings(checkpoint: Path, tmp_path: Path, precision: Any) -> None:
    spec = prepare_encoder(EncoderChoice(f"{NAME}:{checkpoint}", precision, "torch"), tmp_path)
    assert (spec.engine, spec.precision, spec.image_size, spec.dimension) == ("torch", precision, 32, 32)
    assert spec.agreement
    assert (spec.agreement.pictures, spec.agreement.min_cosine >= 0.99999) == (64, True)
    assert cosines(tmp_path, open_clip.create_model(NAME, pretrained=str(checkpoint))).min() >= 0.99999


def test_only_the_image_tower_is_packaged(exported: Path) -> None:
    from safetensors.torch import load_file

    assert {file.name for file in exported.iterdir()} == {
        "encoder.json", "image.json", "image.safetensors", "attributes.json", "attributes.npy",
    }  # fmt: skip
    tower, weights = open_clip.create_model(NAME).visual, load_file(exported / "image.safetensors")
    assert set(weights) == set(tower.state_dict())
    assert {str(weight.dtype) for weight in weights.values() if weight.ndim > 1} == {"torch.float16"}
    assert {str(weight.dtype) for weight in weights.values() if weight.ndim <= 1} == {"torch.float32"}
    values = sum(weight.numel() for weight in weights.values())
    assert 2 * values <= (exported / "image.safetensors").stat().st_size < 2.2 * values
    assert set(json.loads((exported / "image.json").read_text())) == {"embed_dim", "quick_gelu", "vision_cfg"}


def test_the_same_weights_make_the_same_files(exported: Path, checkpoint: Path, tmp_path: Path) -> None:
    prepare_encoder(EncoderChoice(f"{NAME}:{checkpoint}", engine="torch"), tmp_path)
    for file in exported.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_weights_too_large_for_fp16_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    weights = torch.load(checkpoint)
    weights["visual.transformer.resblocks.0.mlp.c_fc.weight"] *= 1e7
    torch.save(weights, tmp_path / "large.pt")
    with pytest.raises(ArtifactError, match=r"stored as fp16 does not agree.*precision fp32"):
        prepare_encoder(EncoderChoice(f"{NAME}:{tmp_path / 'large.pt'}", engine="torch"), tmp_path / "fp16")


def test_a_resnet_keeps_the_statistics_of_its_norms(tmp_path: Path) -> None:
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None}
    model = write_folder(tmp_path / "resnet", TINY | {"vision_cfg": vision})
    prepare_encoder(EncoderChoice(str(tmp_path / "resnet"), "fp32", "torch"), tmp_path / "encoder")
    assert cosines(tmp_path / "encoder", model).min() >= 0.99999


def test_a_tower_of_timm_is_built_without_fetching_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vision = {"image_size": 32, "timm_model_name": "test_vit", "timm_pool": "token", "timm_model_pretrained": True}
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *_, **__: pytest.fail("weights were fetched"))
    model = write_folder(tmp_path / "of-timm", TINY | {"vision_cfg": vision, "custom_text": True})
    prepare_encoder(EncoderChoice(str(tmp_path / "of-timm"), "fp32", "torch"), tmp_path / "encoder")
    assert cosines(tmp_path / "encoder", model).min() >= 0.99999


def test_of_coca_only_the_embedding_is_taken(tmp_path: Path) -> None:
    vision = {**TINY["vision_cfg"], "attentional_pool": True, "output_tokens": True}
    decoder = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    config = TINY | {"vision_cfg": vision, "multimodal_cfg": decoder, "custom_text": True}
    config["text_cfg"] = {**TINY["text_cfg"], "embed_cls": True, "output_tokens": True}
    model = write_folder(tmp_path / "coca", config)
    assert type(model).__name__ == "CoCa"
    prepare_encoder(EncoderChoice(str(tmp_path / "coca"), "fp32", "torch"), tmp_path / "encoder")
    assert cosines(tmp_path / "encoder", model).min() >= 0.99999


def test_the_manifest_names_the_engine_and_its_libraries(
    checkpoint: Path, drawn_catalogue: Path, tmp_path: Path
) -> None:
    build(
        scan_catalogue(drawn_catalogue),
        EncoderChoice(f"{NAME}:{checkpoint}", engine="torch"),
        tmp_path,
        lambda line: None,
    )
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["encoder"]["engine"] == "torch"
    assert manifest["tools"] == tools("torch")
    assert set(manifest["tools"]) == {"numpy", "pillow", "torch", "open_clip_torch"}
    assert "encoder/image.safetensors" in manifest["files"]
