"""From an open_clip checkpoint to the encoder folder, with a model small enough to be made here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recommender.attributes import CATEGORIES, GENDERS
from recommender.encoding.encoder import load_encoder
from recommender.pictures.image import decode, preprocess
from tasks.encoder.choice import EncoderChoice, prepare_encoder
from tasks.errors import ArtifactError, InputError
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tests.tasks.tiny_clip import NAME, TINY

open_clip = pytest.importorskip("open_clip")
torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.clip, pytest.mark.filterwarnings("ignore")]  # torch's exporter warns about itself


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    prepare_encoder(EncoderChoice(f"{NAME}:{checkpoint}"), folder)
    return folder


@pytest.fixture(scope="module")
def quantised(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder-int8")
    prepare_encoder(EncoderChoice(f"{NAME}:{checkpoint}", "int8"), folder)
    return folder


@pytest.fixture(scope="module")
def reference(checkpoint: Path) -> tuple[Any, Any]:
    """open_clip's own model and preprocessing."""
    model, _, prepared = open_clip.create_model_and_transforms(NAME, pretrained=str(checkpoint))
    return model.eval(), prepared


def unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_the_exported_encoder_gives_open_clips_embeddings(
    exported: Path, reference: tuple[Any, Any], drawn_catalogue: Path
) -> None:
    model, prepared = reference
    encoder = load_encoder(exported)
    files = sorted(drawn_catalogue.rglob("*.jpg"))[:5]
    pixels = np.stack([preprocess(decode(file.read_bytes()), encoder.spec) for file in files])
    with torch.no_grad():
        expected = model.encode_image(torch.stack([prepared(Image.open(file)) for file in files])).numpy()
    cosines = (encoder.encode(pixels) * unit(expected)).sum(axis=1)
    assert cosines.min() >= 0.99999


@pytest.mark.parametrize(("precision", "least"), [("fp16", 0.99999), ("int8", 0.999)])
def test_how_well_it_agrees_with_open_clip_is_measured_and_said(
    request: pytest.FixtureRequest, precision: str, least: float
) -> None:
    folder = request.getfixturevalue({"fp16": "exported", "int8": "quantised"}[precision])
    said = json.loads((folder / "encoder.json").read_text())
    assert said["precision"] == precision
    assert said["agreement"]["pictures"] == 64
    assert least <= said["agreement"]["min_cosine"] <= 1
    assert 0.97 <= said["agreement"]["top10_overlap"] <= 1
    assert load_encoder(folder).spec.to_dict() == said


def test_the_manifest_says_the_precision_and_its_agreement(
    checkpoint: Path, drawn_catalogue: Path, tmp_path: Path
) -> None:
    wanted = f"{NAME}:{checkpoint}"
    build(scan_catalogue(drawn_catalogue), EncoderChoice(wanted, precision="int8"), tmp_path, lambda line: None)
    said = json.loads((tmp_path / "manifest.json").read_text())["encoder"]
    assert (said["precision"], said["agreement"]["pictures"]) == ("int8", 64)


def test_the_weights_lie_apart_at_two_bytes_a_value_or_one(exported: Path, quantised: Path) -> None:
    tower = open_clip.create_model(NAME).visual
    values = sum(weight.numel() for weight in tower.parameters() if weight.ndim > 1)
    assert 2 * values <= (exported / "image.onnx.data").stat().st_size < 2.2 * values
    assert values <= (quantised / "image.onnx.data").stat().st_size < 1.4 * values


def test_the_same_weights_make_the_same_files(quantised: Path, checkpoint: Path, tmp_path: Path) -> None:
    prepare_encoder(EncoderChoice(f"{NAME}:{checkpoint}", "int8"), tmp_path)
    for file in quantised.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_weights_too_large_for_fp16_are_refused_and_fp32_takes_them(checkpoint: Path, tmp_path: Path) -> None:
    weights = torch.load(checkpoint)
    block = "visual.transformer.resblocks.0"
    for name, factor in (("ln_2.weight", 1e-7), ("ln_2.bias", 1e-7), ("mlp.c_fc.weight", 1e7)):  # the same function
        weights[f"{block}.{name}"] *= factor
    torch.save(weights, tmp_path / "large.pt")
    wanted = f"{NAME}:{tmp_path / 'large.pt'}"
    with pytest.raises(ArtifactError, match=r"stored as fp16 does not agree.*norm nan.*precision fp32"):
        prepare_encoder(EncoderChoice(wanted), tmp_path / "fp16")
    assert prepare_encoder(EncoderChoice(wanted, "fp32"), tmp_path / "fp32").precision == "fp32"


def test_the_exported_encoder_takes_one_picture_as_well_as_many(exported: Path) -> None:
    encoder = load_encoder(exported)
    pixels = np.random.default_rng(0).normal(size=(3, 3, 32, 32)).astype(np.float32)
    assert np.allclose(encoder.encode(pixels)[:1], encoder.encode(pixels[:1]), atol=1e-5)


def test_the_attributes_are_unit_rows_of_every_category_and_gender(exported: Path) -> None:
    rows = np.load(exported / "attributes.npy")
    said = json.loads((exported / "attributes.json").read_text())
    assert [(each["kind"], each["value"]) for each in said] == [
        *(("category", name) for name in CATEGORIES),
        *(("gender", name) for name in GENDERS),
    ]
    assert (rows.shape, rows.dtype) == ((len(said), 32), np.float32)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_an_attribute_is_the_mean_of_its_prompts(exported: Path, reference: tuple[Any, Any]) -> None:
    from tasks.encoder.prompts import category_prompts

    tokens = open_clip.get_tokenizer(NAME)(list(category_prompts("accessories_hat")))
    with torch.no_grad():
        expected = unit(unit(reference[0].encode_text(tokens).numpy()).mean(axis=0))
    row = np.load(exported / "attributes.npy")[list(CATEGORIES).index("accessories_hat")]
    assert row @ expected >= 0.9999


def test_the_encoder_says_what_it_is_and_not_where_it_lay(exported: Path, checkpoint: Path) -> None:
    text = (exported / "encoder.json").read_text()
    said = json.loads(text)
    assert (said["name"], said["dimension"], said["image_size"]) == (f"{NAME}:tiny.pt", 32, 32)
    assert str(checkpoint.parent) not in text


def test_a_model_of_oblong_pictures_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    oblong = TINY | {"vision_cfg": {**TINY["vision_cfg"], "image_size": [32, 48]}}  # type: ignore[dict-item]
    (checkpoint.parent / f"{NAME}-oblong.json").write_text(json.dumps(oblong))
    open_clip.add_model_config(checkpoint.parent / f"{NAME}-oblong.json")
    torch.save(open_clip.create_model(f"{NAME}-oblong").state_dict(), tmp_path / "oblong.pt")
    with pytest.raises(InputError, match=r"oblong\.pt takes pictures of 48 × 32 pixels; only square"):
        prepare_encoder(EncoderChoice(f"{NAME}-oblong:{tmp_path / 'oblong.pt'}"), tmp_path / "encoder")
