"""The engines that run an image tower: ONNX Runtime, or torch with open_clip."""

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
TOWER, TOWER_WEIGHTS = "image.json", "image.safetensors"  # engine torch's description of the tower, and its weights


@dataclass(frozen=True, slots=True)
class Hardware:
    """The hardware that one worker may use: CPU threads for each call, and the index of its GPU."""

    threads: int = 1
    gpu: int = 0


ONE_THREAD = Hardware()


def allowed_threads(environment: Mapping[str, str]) -> int:
    """The number of threads that a worker computes with: the first in OMP_NUM_THREADS, else one."""
    given = environment.get(THREADS, "")  # OpenMP allows a list, a number for each level of nesting
    first = given.partition(",")[0].strip() or "1"
    if not first.isdecimal() or int(first) == 0:
        raise ValueError(f"{THREADS} is {given[:40]!r}; give a whole number of threads, 1 or more.")
    return int(first)


class Engine(Protocol):
    """A function that runs the image tower: [N, 3, S, S] in, [N, dimension] out, rows of any norm."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


Opened = tuple[Engine, str, int]
"""An engine, the device that it computes on, and the number of threads that it reports."""


def open_onnx(folder: Path, image_size: int, hardware: Hardware, watch: Stopwatch) -> Opened:
    """Open the graph image.onnx, optimised; weights in a file beside it are mapped into memory.

    Creating the session also reads the weights, so both count as stage `construct`.
    ONNX Runtime copies the weights into the order in which its kernels read them. STYGIG_ORT_PREPACK=0 skips that: the
    start takes less than half the CPU time, and each single picture a third more time.
    """
    import onnxruntime

    watch.note("engine")
    graph = folder / "image.onnx"
    if not graph.is_file():
        raise ArtifactError(f"No image.onnx in {folder}; encoder.json asks for engine onnxruntime.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = hardware.threads
    options.inter_op_num_threads = 1
    # else weights that are converted to float32 here come from an arena, which grows by more than they need
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    if os.environ.get(PREPACK) == "0":
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common base of their own
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
    """Build the tower that image.json describes with open_clip, and fill it with the weights of image.safetensors.

    It computes in float32, however the weights are stored: on a GPU if torch sees one, else on the CPU.
    Nothing is fetched, nothing is unpickled, and no text tower is built.
    """
    import open_clip  # noqa: F401 - only _untrained uses it, but its import counts as stage `engine`
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
        with torch.inference_mode():  # torch keeps its grad mode per thread
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
    except Exception as error:  # the errors of safetensors and torch have no common base of their own
        raise ArtifactError(f"{weights} doesn't fit {described}: {_said(error)}. Package the model again.") from error
    return tower


def _untrained(described: Path) -> Any:
    import open_clip
    from open_clip.model import _build_vision_tower  # the public functions build the text tower too

    try:
        said = json.loads(described.read_text("utf-8"))
        vision = {**said["vision_cfg"], "timm_model_pretrained": False}  # else timm would fetch weights
        if ":" in str(vision.get("timm_model_name")):
            raise ValueError(f"timm would fetch the config of {vision['timm_model_name']} from a hub")
        return _build_vision_tower(said["embed_dim"], vision, said["quick_gelu"])
    except Exception as error:  # open_clip and timm raise all sorts of errors for names that they don't know
        raise ArtifactError(
            f"open_clip {open_clip.__version__} can't build what {described} describes: {_said(error)}. Package the "
            "model again, with the open_clip of the image that serves it."
        ) from error


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split()).rstrip('.')}"
