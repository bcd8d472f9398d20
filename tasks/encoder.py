"""Which encoder a catalogue is packaged with: the demo one, or any that open_clip can load.

The result is always the same: a folder with encoder.json, image.onnx, attributes.json and attributes.npy. Only the
open_clip kinds need torch; they live in `tasks.clip_export`.
"""

import json
import shutil
from pathlib import Path

from recommender.encoder import EncoderSpec
from tasks.errors import InputError

DEMO = "demo"
DEMO_FOLDER = Path(__file__).with_name("demo") / "encoder"
FILES = ("image.onnx", "attributes.json", "attributes.npy")


def prepare_encoder(wanted: str, folder: Path) -> EncoderSpec:
    """Puts the wanted encoder's files into `folder`.

    `wanted` is `demo`, an open_clip `NAME:TAG` (as in ViT-B-32-quickgelu:openai), `NAME:FILE` for a checkpoint, or a
    checkpoint file with open_clip_config.json beside it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if wanted == DEMO:
        _copy(DEMO_FOLDER, folder)
    elif ":" in wanted or Path(wanted).is_file():
        _export(wanted, folder)
    else:
        raise InputError(
            f"Encoder {wanted!r} is neither 'demo', nor an open_clip NAME:TAG such as ViT-B-32-quickgelu:openai, nor a "
            "checkpoint file that exists. `open_clip.list_pretrained()` lists the tags."
        )
    return EncoderSpec.from_dict(json.loads((folder / "encoder.json").read_text()))


def _copy(source: Path, folder: Path) -> None:
    """The demo folder holds more than a container needs: its text tower, and what was measured when it was fitted."""
    for name in (*FILES, "NOTICE", "LICENSE-APACHE"):
        shutil.copyfile(source / name, folder / name)
    said = json.loads((source / "encoder.json").read_text())
    spec = {name: said[name] for name in EncoderSpec.__slots__}
    (folder / "encoder.json").write_text(json.dumps(spec, indent=2) + "\n")


def _export(wanted: str, folder: Path) -> None:
    try:
        from tasks.clip_export import export_clip
    except ModuleNotFoundError as exc:
        raise InputError(
            f"Packaging {wanted} needs {exc.name}, which the base install leaves out. "
            "Install it with `make setup-clip`, or use --encoder demo."
        ) from exc
    export_clip(wanted, folder)


def fingerprint_files(wanted: str) -> list[Path]:
    """The local files that decide what this encoder is; a NAME:TAG decides by its name."""
    if wanted == DEMO:
        return sorted(f for f in DEMO_FOLDER.iterdir() if f.is_file())
    path = Path(wanted.partition(":")[2] or wanted)
    return [f for f in (path, path.with_name("open_clip_config.json")) if f.is_file()]
