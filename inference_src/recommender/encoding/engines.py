"""What runs an image tower: ONNX Runtime, or torch with open_clip."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.errors import ArtifactError
from recommender.stopwatch import Stopwatch

THREADS = "OMP_NUM_THREADS"
PREPACK = "STYGIG_ORT_PREPACK"
TOWER, TOWER_WEIGHTS = "image.json", "image.safetensors"  # what engine torch builds the tower from, and fills it with


@dataclass(frozen=True, slots=True)
class Hardware:
    """What one worker may use: CPU threads for each call, and which of several GPUs."""

    threads: int = 1
    gpu: int = 0


ONE_THREAD = Hardware()


def allowed_threads(environment: Mapping[str, str]) -> int:
    """How many threads a worker computes with: OMP_NUM_THREADS, of its list the first, else one."""
    given = environment.get(THREADS, "")
    first = given.partition(",")[0].strip() or "1"
    if not first.isdecimal() or int(first) == 0:
        raise ValueError(f"{THREADS} is {given[:40]!r}; give a whole number of threads, 1 or more.")
    return int(first)


class Engine(Protocol):
    """Runs the image tower: [N, 3, S, S] in, [N, dimension] out, of any length."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


Opened = tuple[Engine, str, int]
"""An engine, the device it computes on, and with how many threads, as it says itself."""


def open_onnx(folder: Path, image_size: int, hardware: Hardware, watch: Stopwatch) -> Opened:
    """The graph image.onnx, optimised, its weights mapped into memory where they lie beside it.

    Making the session reads the weights too, so that both are stage `construct`.
    ONNX Runtime copies the weights into the order in which its kernels read them. STYGIG_ORT_PREPACK=0 leaves that
    out: a start of less than half the CPU time, and a third more time for each single picture.
    """
    import onnxruntime

    watch.note("engine")
    graph = folder / "image.onnx"
    if not graph.is_file():
        raise ArtifactError(f"No image.onnx in {folder}; encoder.json asks for engine onnxruntime.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = hardware.threads
    options.inter_op_num_threads = 1
    # else weights that are made float32 here come from an arena which grows by more than they need
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    if os.environ.get(PREPACK) == "0":
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base of their own
        raise ArtifactError(f"ONNX Runtime can't open {graph}: {error}") from error
    taken = session.get_inputs()[0].shape
    if taken[1:] != [3, image_size, image_size]:
        raise ArtifactError(f"{graph} takes pictures {taken[1:]}; encoder.json says image_size {image_size}.")
    watch.note("construct")

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        embedding: NDArray[np.float32] = session.run(["embedding"], {"image": batch})[0]
        return embedding

    return run, "cpu", session.get_session_options().intra_op_num_threads


def open_torch(folder: Path, image_size: int, hardware: Hardware, watch: Stopwatch) -> Opened:
    """The tower that image.json describes, built by open_clip with the weights of image.safetensors.

    It computes in float32, however the weights are stored: on a GPU where torch sees one, else on the CPU.
    Nothing is fetched, nothing is unpickled, and no text tower is built.
    """
    import open_clip  # noqa: F401 - not needed before _untrained, but the import is no part of what that constructs
    import torch

    watch.note("engine")
    for name in (TOWER, TOWER_WEIGHTS):
        if not (folder / name).is_file():
            raise ArtifactError(f"No {name} in {folder}; encoder.json asks for engine torch.")
    torch.set_num_threads(hardware.threads)
    torch.backends.cudnn.allow_tf32 = False  # else a GPU's convolutions would be less than float32
    device = f"cuda:{hardware.gpu}" if torch.cuda.is_available() else "cpu"
    tower = _tower(folder, image_size, watch).eval().to(device)
    watch.note("weights")

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():  # torch's grad mode belongs to the thread
            embedding: NDArray[np.float32] = tower(torch.from_numpy(batch).to(device)).cpu().numpy()
            return embedding

    return run, device, torch.get_num_threads()


def _tower(folder: Path, image_size: int, watch: Stopwatch) -> Any:
    from safetensors.torch import load_file

    described, weights = folder / TOWER, folder / TOWER_WEIGHTS
    tower = _untrained(described)
    if np.broadcast_to(tower.image_size, 2).tolist() != [image_size, image_size]:
        raise ArtifactError(
            f"{described} says image_size {tower.image_size}, encoder.json {image_size}. Package the model again."
        )
    watch.note("construct")
    try:
        tower.load_state_dict(load_file(weights))
    except Exception as error:  # safetensors' errors and torch's share no base of their own
        raise ArtifactError(f"{weights} doesn't fit {described}: {_said(error)}. Package the model again.") from error
    return tower


def _untrained(described: Path) -> Any:
    import open_clip
    from open_clip.model import _build_vision_tower  # what is public builds the text tower too

    try:
        said = json.loads(described.read_text("utf-8"))
        vision = {**said["vision_cfg"], "timm_model_pretrained": False}  # else timm would fetch weights
        if ":" in str(vision.get("timm_model_name")):
            raise ValueError(f"timm would fetch the config of {vision['timm_model_name']} from a hub")
        return _build_vision_tower(said["embed_dim"], vision, said["quick_gelu"])
    except Exception as error:  # of what they don't know, open_clip and timm raise all sorts
        raise ArtifactError(
            f"open_clip {open_clip.__version__} can't build what {described} describes: {_said(error)}. Package the "
            "model again, with the open_clip of the image that serves it."
        ) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split()).rstrip('.')}"
