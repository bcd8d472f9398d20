"""The choice of the open_clip model, and the refusals before anything is encoded."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.encoding.encoder import load_encoder
from tasks.encoder.choice import EncoderChoice, prepare_encoder
from tasks.encoder.options import CONFIG
from tasks.errors import InputError, StygigError
from tests.tasks.tiny_clip import NAME, TINY

open_clip = pytest.importorskip("open_clip")
torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.clip, pytest.mark.filterwarnings("ignore")]
HALVES = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    """A model as a hub stores it: weights, and a config which says how they are used."""
    from safetensors.torch import save_file

    made = tmp_path / "my-clip"
    made.mkdir()
    save_file(torch.load(checkpoint), made / "open_clip_model.safetensors")
    write_config(made, preprocess_cfg=HALVES)
    return made


def write_config(folder: Path, **said: Any) -> None:
    (folder / CONFIG).write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": {}} | said))


def test_a_folder_is_used_as_its_config_says(folder: Path, tmp_path: Path) -> None:
    spec = prepare_encoder(EncoderChoice(str(folder)), tmp_path / "encoder")
    assert (spec.name, spec.mean, spec.std, spec.resize_mode) == ("my-clip", (0.5,) * 3, (0.5,) * 3, "squash")
    assert spec.agreement
    assert spec.agreement.min_cosine >= 0.99999
    assert str(tmp_path) not in (tmp_path / "encoder" / "encoder.json").read_text()


def test_a_folder_without_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"weights of .*my-clip could not be loaded: Required pretrained weights"):
        prepare_encoder(EncoderChoice(str(folder)), tmp_path / "encoder")


def test_a_folder_whose_config_describes_no_model_wants_a_name(folder: Path, tmp_path: Path) -> None:
    (folder / CONFIG).write_text("{}")
    with pytest.raises(InputError, match=r"open_clip_config\.json has no model_cfg.*give NAME:FILE"):
        prepare_encoder(EncoderChoice(str(folder)), tmp_path / "encoder")


def test_a_model_of_the_hub_is_taken_from_its_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    repository = tmp_path / "cache" / "models--me--my-clip"
    shutil.copytree(folder, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    spec = prepare_encoder(EncoderChoice("hf-hub:me/my-clip"), tmp_path / "encoder")
    assert (spec.name, spec.resize_mode) == ("hf-hub:me/my-clip", "squash")
    with pytest.raises(InputError, match="hf-hub:me/another could not be loaded"):
        prepare_encoder(EncoderChoice("hf-hub:me/another"), tmp_path / "another")


def test_a_tokenizer_of_transformers_is_read_from_the_folder(folder: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(["[UNK]", "[PAD]", "a", "photo", "of", "shirt", "dress"])}
    split = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    split.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=split, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)
    write_config(folder, model_cfg=TINY | {"text_cfg": TINY["text_cfg"] | {"hf_tokenizer_name": "mine"}})
    prepare_encoder(EncoderChoice(str(folder)), tmp_path / "encoder")
    rows = np.load(tmp_path / "encoder" / "attributes.npy")
    assert np.isfinite(rows).all()
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer of my-clip could not be loaded.*in the model's folder"):
        prepare_encoder(EncoderChoice(str(folder)), tmp_path / "again")


def test_a_file_is_used_as_its_name_says_where_the_config_beside_it_agrees(checkpoint: Path, folder: Path) -> None:
    shutil.copyfile(checkpoint, folder / "tiny.pt")
    write_config(folder)
    assert prepare_encoder(EncoderChoice(f"{NAME}:{folder / 'tiny.pt'}"), folder / "encoder").name == f"{NAME}:tiny.pt"
    assert load_encoder(folder / "encoder").spec.resize_mode == "shortest"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"preprocess_cfg": HALVES}, "mean and std and resize_mode"),
        ({"model_cfg": TINY | {"quick_gelu": False}}, "quick_gelu"),
        ({"model_cfg": TINY | {"embed_dim": 64}}, "embed_dim"),
    ],
)
def test_a_config_beside_a_file_that_says_something_else_than_the_name_is_heard(
    folder: Path, tmp_path: Path, said: dict[str, Any], complaint: str
) -> None:
    write_config(folder, **said)
    weights = folder / "open_clip_model.safetensors"
    with pytest.raises(
        InputError, match=rf"another {complaint} than {NAME} is loaded with\. Give the folder .*my-clip"
    ):
        prepare_encoder(EncoderChoice(f"{NAME}:{weights}"), tmp_path / "encoder")
    with pytest.raises(InputError, match=r"describes a model without a name\. Give the folder .*my-clip"):
        prepare_encoder(EncoderChoice(str(weights)), tmp_path / "encoder")


def test_a_file_of_a_model_whose_weights_want_other_pictures_needs_a_config(tmp_path: Path) -> None:
    (tmp_path / "siglip.pt").write_bytes(b"weights")
    with pytest.raises(
        InputError, match=r"published weights of ViT-B-16-SigLIP want another mean and std and .*open_clip_config\.json"
    ):
        prepare_encoder(EncoderChoice(f"ViT-B-16-SigLIP:{tmp_path / 'siglip.pt'}"), tmp_path / "encoder")


def test_a_torchscript_program_is_not_run(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "ViT-B-32.pt")
    with pytest.raises(InputError, match=r"ViT-B-32\.pt is a TorchScript program.*ViT-B-32-quickgelu:openai"):
        prepare_encoder(EncoderChoice(f"ViT-B-32:{tmp_path / 'ViT-B-32.pt'}"), tmp_path / "encoder")


def test_a_file_with_a_colon_in_its_path_is_one(checkpoint: Path, tmp_path: Path) -> None:
    shutil.copyfile(checkpoint, tmp_path / "of:today.pt")
    (tmp_path / CONFIG).write_text(json.dumps({"model_name": NAME}))
    assert prepare_encoder(EncoderChoice(str(tmp_path / "of:today.pt")), tmp_path / "encoder").name == "of:today.pt"


def test_a_checkpoint_alone_needs_to_say_of_which_model_it_is(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tiny\.pt doesn't say which model it is of\. Give NAME:.*open_clip_config"):
        prepare_encoder(EncoderChoice(str(checkpoint)), tmp_path)


@pytest.mark.parametrize("config", ["{}", '{"model_name": 3}', "[]"])
def test_a_config_beside_it_must_name_the_model(tmp_path: Path, config: str) -> None:
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "open_clip_config.json").write_text(config)
    with pytest.raises(InputError, match=r"open_clip_config\.json has no model_name"):
        prepare_encoder(EncoderChoice(str(tmp_path / "model.pt")), tmp_path / "encoder")


def test_a_config_beside_it_must_be_json(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(b"weights")
    (tmp_path / "open_clip_config.json").write_text("model_name: ViT-B-32")
    with pytest.raises(InputError, match=r"open_clip_config\.json can't be read as JSON.*give NAME:.*model\.pt"):
        prepare_encoder(EncoderChoice(str(tmp_path / "model.pt")), tmp_path / "encoder")


def test_a_tokenizer_that_cannot_be_had_is_found_out_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'transformers'", name="transformers")

    monkeypatch.setattr(open_clip, "get_tokenizer", missing)
    with pytest.raises(InputError, match=r"tokenizer of ViT-B-16-SigLIP:webli could not be loaded: No module.*"):
        prepare_encoder(EncoderChoice("ViT-B-16-SigLIP:webli"), tmp_path / "encoder")


def test_an_unknown_model_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"open_clip has no model 'ViT-Z-99'.*list_models"):
        prepare_encoder(EncoderChoice("ViT-Z-99:openai"), tmp_path)


def test_an_unknown_tag_is_quoted_with_those_of_the_model(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"'mine' is neither a checkpoint file nor a pretrained tag of ViT-B-32.*laion"
    ):
        prepare_encoder(EncoderChoice("ViT-B-32:mine"), tmp_path)


def test_weights_of_another_activation_are_refused_with_the_name_that_fits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trained with QuickGELU\. Give ViT-B-32-quickgelu:openai\."):
        prepare_encoder(EncoderChoice("ViT-B-32:openai"), tmp_path)


def test_a_file_that_holds_no_weights_is_named(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("not weights")
    with pytest.raises(InputError, match=rf"The weights of {NAME}:.*text\.pt could not be loaded"):
        prepare_encoder(EncoderChoice(f"{NAME}:{tmp_path / 'text.pt'}"), tmp_path / "encoder")


def test_the_weights_of_another_model_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"could not be loaded"):
        prepare_encoder(EncoderChoice(f"ViT-S-32-alt:{checkpoint}"), tmp_path / "encoder")


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"preprocess_cfg": {"mean": [0.5, 0.5]}}, "encoder.json.mean"),
        ({"preprocess_cfg": {"std": [0.5, 0.0, 0.5]}}, "encoder.json.std"),
        ({"preprocess_cfg": {"mean": 0.5}}, "not iterable"),
        ({"preprocess_cfg": {"resize_mode": "longest"}}, "encoder.json.resize_mode"),
    ],
)
def test_a_config_that_no_container_could_use_is_refused(
    folder: Path, tmp_path: Path, said: dict[str, Any], complaint: str
) -> None:
    write_config(folder, **said)
    with pytest.raises(InputError, match=rf"my-clip can't be used as its config and weights say: .*{complaint}"):
        prepare_encoder(EncoderChoice(str(folder)), tmp_path / "encoder")


@pytest.mark.parametrize(
    ("weight", "value", "complaint"),
    [
        ("visual.proj", float("nan"), "hold values that are no finite numbers"),
        ("text_projection", 0.0, r"text tower gave an embedding of norm 0\.0"),
        ("visual.proj", 0.0, r"open_clip's own embeddings of my-clip have norms down to 0\.0"),
        ("logit_scale", -1000.0, r"logit_scale of 0\.0, with which all prompts are alike"),
        ("logit_scale", 1000.0, r"logit_scale"),
    ],
)
def test_weights_that_no_container_could_use_are_blamed(
    checkpoint: Path, folder: Path, tmp_path: Path, weight: str, value: float, complaint: str
) -> None:
    from safetensors.torch import save_file

    weights = torch.load(checkpoint)
    weights[weight] = torch.full_like(weights[weight], value)
    save_file(weights, folder / "open_clip_model.safetensors")
    with pytest.raises(StygigError, match=complaint):
        prepare_encoder(EncoderChoice(str(folder)), tmp_path / "encoder")


def test_a_pickle_is_not_advised_to_be_run(tmp_path: Path) -> None:
    torch.save({"weights": Path}, tmp_path / "code.pt")
    with pytest.raises(InputError) as found:
        prepare_encoder(EncoderChoice(f"ViT-B-32:{tmp_path / 'code.pt'}"), tmp_path / "encoder")
    assert "it holds code, or isn't a file of weights; give a state dict" in str(found.value)
    assert "weights_only" not in str(found.value)


def test_an_empty_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "empty.pt").touch()
    with pytest.raises(InputError, match=r"empty\.pt could not be loaded: \w+"):
        prepare_encoder(EncoderChoice(f"ViT-B-32:{tmp_path / 'empty.pt'}"), tmp_path / "encoder")


def test_a_torchscript_program_in_a_folder_is_not_advised_to_be_run(folder: Path, tmp_path: Path) -> None:
    (folder / "open_clip_model.safetensors").unlink()
    torch.jit.script(torch.nn.Linear(2, 2)).save(folder / "open_clip_pytorch_model.bin")
    with pytest.raises(InputError, match="it holds code, or isn't a file of weights; give a state dict"):
        prepare_encoder(EncoderChoice(str(folder)), tmp_path / "encoder")


def test_a_damaged_archive_is_said_to_be_one(checkpoint: Path, tmp_path: Path) -> None:
    damaged = bytearray(checkpoint.read_bytes())
    damaged[damaged.rfind(b"PK\x01\x02")] = 0
    (tmp_path / "damaged.pt").write_bytes(damaged)
    with pytest.raises(InputError, match=r"damaged\.pt could not be loaded"):
        prepare_encoder(EncoderChoice(f"{NAME}:{tmp_path / 'damaged.pt'}"), tmp_path / "encoder")
