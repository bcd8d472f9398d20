"""The encoder that a catalogue is packaged with: the demo one, or any that open_clip can load.

The result is a folder with encoder.json, attributes.json, attributes.npy and the image tower: image.onnx (with
image.onnx.data beside it if the tower is large), or, for torch, image.json and image.safetensors. Only open_clip's
encoders need torch for packaging; `tasks.encoder.export` makes them.
"""

import json
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from recommender.encoding.encoder import EncoderSpec
from recommender.errors import shown
from tasks.encoder.options import CONFIG, DEFAULT_ENGINE, DEFAULT_PRECISION, DEMO, EngineName, Precision
from tasks.errors import InputError
from tasks.shipped import FROM_A_WHEEL

DEMO_FOLDER = Path(__file__).parents[1] / "demo" / "encoder"
FILES = ("image.onnx", "attributes.json", "attributes.npy")


@dataclass(frozen=True)
class EncoderChoice:
    """An encoder, the precision that its weights are stored in, and the engine that runs it.

    `name` is `demo`, an open_clip `NAME:TAG` (as in ViT-B-32-quickgelu:openai), `NAME:FILE` for a checkpoint, a
    checkpoint file or a folder with open_clip_config.json in it, or `hf-hub:ORGANISATION/REPOSITORY`. An
    open_clip model computes in fp32 with fp16 and fp32, and on whole numbers with int8, where that agrees with
    open_clip well enough; torch has no int8. The demo encoder has a precision and an engine of its own.
    """

    name: str = DEMO
    precision: Precision = DEFAULT_PRECISION
    engine: EngineName = DEFAULT_ENGINE

    def checked(self) -> "EncoderChoice":
        """Return itself; raise InputError for what can be found wrong without open_clip."""
        _check_engine(self)
        if self.precision not in get_args(Precision):
            raise InputError(f"Precision {self.precision!r} is not one of {', '.join(get_args(Precision))}.")
        _check_name(self.name)
        return self

    @property
    def that_counts(self) -> "EncoderChoice":
        """The choice without the options that the demo encoder ignores: equal choices give equal artifacts."""
        return EncoderChoice() if self.name == DEMO else self


def prepare_encoder(choice: EncoderChoice, folder: Path) -> EncoderSpec:
    """Put the chosen encoder's files into `folder`."""
    choice.checked()
    folder.mkdir(parents=True, exist_ok=True)
    if choice.name == DEMO:
        _copy(DEMO_FOLDER, folder)
    else:
        _export(choice, folder)
    return EncoderSpec.from_dict(json.loads((folder / "encoder.json").read_text()))


def _check_name(name: str) -> None:
    # os.path, since Path.is_file() raises where the text is too long for a path
    local = name and (os.path.isfile(name) or os.path.isfile(os.path.join(name, CONFIG)))
    if name != DEMO and ":" not in name and not local:
        raise InputError(
            f"Encoder {shown(name)} is neither 'demo', nor an open_clip NAME:TAG such as ViT-B-32-quickgelu:openai, "
            f"nor a checkpoint file that exists, nor a folder with {CONFIG}. `open_clip.list_pretrained()` lists the "
            "tags."
        )


def _check_engine(choice: EncoderChoice) -> None:
    if choice.engine not in get_args(EngineName):
        raise InputError(f"Engine {choice.engine!r} is not one of {', '.join(get_args(EngineName))}.")
    if choice.engine == "torch" and choice.name == DEMO:
        raise InputError(
            "The demo encoder is there for engine onnxruntime only; for torch, give an open_clip NAME:TAG."
        )
    if choice.engine == "torch" and choice.precision == "int8":
        raise InputError("Engine torch has no precision int8: give fp16 or fp32, or engine onnxruntime.")
    missing = [name for name in ("torch", "open_clip") if choice.engine == "torch" and find_spec(name) is None]
    if missing:
        raise InputError(_uninstalled(choice.name, missing[0]))


def _copy(source: Path, folder: Path) -> None:
    """Copy what a container needs of the demo folder: neither its text tower nor what was measured at its fitting."""
    for name in (*FILES, "NOTICE", "LICENSE-APACHE"):
        shutil.copyfile(source / name, folder / name)
    said = json.loads((source / "encoder.json").read_text())
    spec = {name: said[name] for name in EncoderSpec.__slots__ if name in said}
    (folder / "encoder.json").write_text(json.dumps(spec, indent=2) + "\n")


def _export(choice: EncoderChoice, folder: Path) -> None:
    try:
        from tasks.encoder.export import export_clip
    except ModuleNotFoundError as exc:
        raise InputError(_uninstalled(choice.name, exc.name)) from exc
    export_clip(choice.name, folder, choice.precision, choice.engine)


def _uninstalled(wanted: str, module: str | None) -> str:
    how = "pip install 'stygig[clip]'" if FROM_A_WHEEL else "make setup-clip"
    return (
        f"Packaging {wanted} needs {module}, which the base install leaves out. "
        f"Install it with `{how}`, or use --encoder demo."
    )


def fingerprint_files(wanted: str) -> list[Path]:
    """The local files that define this encoder.

    NAME:TAG and hf-hub:NAME are defined by the name alone, whatever a hub holds by now.
    """
    if wanted == DEMO:
        return _files(DEMO_FOLDER)
    if os.path.isdir(wanted):
        return _files(Path(wanted))
    checkpoint = wanted if os.path.isfile(wanted) else wanted.partition(":")[2]
    if not os.path.isfile(checkpoint):
        return []
    return [f for f in (Path(checkpoint), Path(checkpoint).with_name(CONFIG)) if f.is_file()]


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_file())
