"""The open_clip model that a name means, with its transform and tokenizer.

Needs torch and open_clip (`make setup-clip`).
"""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import open_clip
import torch

from tasks.encoder.options import CONFIG, HUB
from tasks.errors import InputError

FROM_HUB = " It comes from a hub; where there is no network, fetch the checkpoint elsewhere and give NAME:FILE."
TORCHSCRIPT = "constants.pkl"  # a member of TorchScript archives, which torch.save doesn't write


@dataclass(frozen=True)
class Source:
    """The arguments for open_clip, and the name to show, without a file's folders, which are private."""

    shown: str
    model: str
    weights: str | None = None
    local: bool = True


@dataclass(frozen=True)
class ClipModel:
    """A model in evaluation mode, the transform that prepares its pictures, and its tokenizer.

    `config` is the name by which open_clip finds the model's config.
    """

    name: str
    config: str
    model: Any
    transform: Any
    tokenize: Any


def load_clip(wanted: str) -> ClipModel:
    """The model of NAME:TAG, NAME:FILE, hf-hub:ORGANISATION/REPOSITORY, a folder, or a FILE with its config beside it.

    Raise InputError where something of it doesn't exist, contradicts itself, or can't be loaded.
    """
    source = find_source(wanted)
    tokenize = _tokenizer(source)
    try:
        model, transform = open_clip.create_model_from_pretrained(source.model, pretrained=source.weights)
    except Exception as exc:  # torch and open_clip raise all sorts for a damaged or foreign checkpoint
        raise InputError(
            f"The weights of {wanted} could not be loaded: {_said(exc)}.{'' if source.local else FROM_HUB}"
        ) from exc
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise InputError(f"The weights of {wanted} hold values that are no finite numbers: the checkpoint is damaged.")
    return ClipModel(source.shown, source.model, model.eval(), transform, tokenize)


def find_source(wanted: str) -> Source:
    """The source that `wanted` names; raise InputError if there is none."""
    path = Path(wanted)
    if os.path.isdir(wanted):
        return _folder(path)
    if wanted.startswith(HUB):
        return Source(wanted, wanted, local=False)
    if os.path.isfile(wanted):
        return _named(_name_beside(path), wanted, path.name)
    name, _, weights = wanted.partition(":")
    return _named(name, weights, f"{name}:{Path(weights).name}")


def _folder(folder: Path) -> Source:
    """The source of a folder as hubs hold it, in which open_clip finds the weights."""
    config = _read_config(folder / CONFIG, f"give NAME:FILE with one of the files in {folder}")
    if not isinstance(config.get("model_cfg"), dict):
        raise InputError(f"{folder / CONFIG} has no model_cfg, so a checkpoint must be named: give NAME:FILE.")
    return Source(folder.resolve().name, f"local-dir:{folder}")


def _named(name: str, weights: str, shown: str) -> Source:
    if name not in open_clip.list_models():
        raise InputError(f"open_clip has no model {name!r}. `open_clip.list_models()` lists what it has.")
    if os.path.isfile(weights):
        _refuse_torchscript(Path(weights))
        _refuse_other_config(name, Path(weights))
        return Source(shown, name, weights)
    tags = open_clip.list_pretrained_tags_by_model(name)
    _refuse_other_activation(name, weights)
    if weights not in tags:
        raise InputError(
            f"{weights!r} is neither a checkpoint file nor a pretrained tag of {name}, which has: "
            f"{', '.join(tags) or 'none'}."
        )
    return Source(f"{name}:{weights}", name, weights, local=False)


def _refuse_torchscript(checkpoint: Path) -> None:
    """Refuse TorchScript, such as OpenAI's own files: code in it would run when it is loaded."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return
    if any(Path(name).name == TORCHSCRIPT for name in names):
        raise InputError(
            f"{checkpoint} is a TorchScript program, as OpenAI published CLIP, not a file of weights. Give the "
            "tag, as in ViT-B-32-quickgelu:openai, or a state dict (.safetensors, .pt)."
        )


def _refuse_other_config(name: str, checkpoint: Path) -> None:
    """Refuse a checkpoint that needs another config than the one it would be loaded with.

    Weights don't tell their activation, or how pictures are normalised; a hub's config beside them does. Without one,
    open_clip takes its defaults, although the model's published weights may want something else.
    """
    config = checkpoint.with_name(CONFIG)
    if not config.is_file():
        published = [open_clip.get_pretrained_cfg(name, tag) for tag in open_clip.list_pretrained_tags_by_model(name)]
        if published and all(_unusual(pictures) for pictures in published):
            raise InputError(
                f"The published weights of {name} want another {' and '.join(_unusual(published[0]))} than is usual; "
                f"what {checkpoint} wants, only a {CONFIG} can say: put one beside it, and give the folder."
            )
        return
    said = _read_config(config, f"remove it, if {checkpoint.name} really is a {name}")
    model, pictures = (said.get(key) for key in ("model_cfg", "preprocess_cfg"))
    built = open_clip.get_model_config(name) or {}
    described = model if isinstance(model, dict) else built
    differing = [key for key in ("quick_gelu", "embed_dim") if described.get(key, False) != built.get(key, False)]
    differing += _unusual(pictures) if isinstance(pictures, dict) else []
    if differing:
        raise InputError(
            f"{config} says another {' and '.join(differing)} than {name} is loaded with. Give the folder "
            f"{checkpoint.parent}, which loads {checkpoint.name} as its config says."
        )


def _unusual(pictures: Mapping[str, Any]) -> list[str]:
    """The names of those settings that differ from open_clip's defaults."""
    usual = asdict(open_clip.transform.PreprocessCfg())
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in pictures.items()}
    return [
        key for key in ("mean", "std", "interpolation", "resize_mode") if settings.get(key, usual[key]) != usual[key]
    ]


def _refuse_other_activation(name: str, tag: str) -> None:
    """Refuse a tag whose weights were trained with the other GELU: open_clip only warns, and embeds wrongly."""
    trained_quick = bool((open_clip.get_pretrained_cfg(name, tag) or {}).get("quick_gelu", False))
    built_quick = bool((open_clip.get_model_config(name) or {}).get("quick_gelu", False))
    quick = f"{name}-quickgelu"
    if trained_quick and not built_quick and quick in open_clip.list_models():
        raise InputError(f"The weights {tag} of {name} were trained with QuickGELU. Give {quick}:{tag}.")


def _name_beside(checkpoint: Path) -> str:
    """The model's name from the config beside a checkpoint, which alone doesn't tell its architecture."""
    config = checkpoint.with_name(CONFIG)
    if not config.is_file():
        raise InputError(
            f"{checkpoint} doesn't say which model it is of. Give NAME:{checkpoint}, as in ViT-B-32:{checkpoint.name}, "
            f"or put a {CONFIG} with a model_name beside it."
        )
    said = _read_config(config, f"give NAME:{checkpoint}")
    name = said.get("model_name")
    if isinstance(name, str):
        return name
    if isinstance(said.get("model_cfg"), dict):
        raise InputError(f"{config} describes a model without a name. Give the folder {checkpoint.parent}.")
    raise InputError(f"{config} has no model_name. Add one, or give NAME:{checkpoint}.")


def _read_config(config: Path, instead: str) -> dict[str, Any]:
    try:
        said = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise InputError(f"{config} can't be read as JSON: {exc}. Repair it, or {instead}.") from exc
    return said if isinstance(said, dict) else {}


def _tokenizer(source: Source) -> Any:
    """Load the tokenizer, before the weights: it may need files from a hub that can't be reached."""
    try:
        return open_clip.get_tokenizer(source.model)
    except Exception as exc:  # transformers and its hub raise all sorts for what is missing
        raise InputError(
            f"The tokenizer of {source.shown} could not be loaded: {_said(exc)}. Unlike CLIP's own, it may need files "
            "from a network, or in Hugging Face's cache, or in the model's folder."
        ) from exc


def _said(error: Exception) -> str:
    """The error on one line, without its full stop; with its class where the text alone would say little."""
    text = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, UnpicklingError) or "weights_only" in text:  # torch's text advises to run it
        return "it holds code, or isn't a file of weights; give a state dict (.safetensors, .pt)"
    return text if text and not isinstance(error, KeyError) else f"{type(error).__name__} {text}".strip()
