"""What runs an image tower: ONNX Runtime, or, for open_clip folders, torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.errors import ArtifactError

PREPACK = "STYGIG_ORT_PREPACK"


class Engine(Protocol):
    """Runs the image tower: [N, 3, S, S] in, [N, dimension] out, of any length."""

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...


def open_onnx(folder: Path, threads: int, image_size: int) -> Engine:
    """The graph image.onnx, optimised, its weights mapped into memory where they lie beside it.

    ONNX Runtime copies the weights into the order in which its kernels read them. STYGIG_ORT_PREPACK=0 leaves that
    out: a start of less than half the CPU time, and a third more time for each single picture.
    """
    import onnxruntime

    graph = folder / "image.onnx"
    if not graph.is_file():
        raise ArtifactError(f"No image.onnx in {folder}; encoder.json asks for engine onnxruntime.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
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

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        embedding: NDArray[np.float32] = session.run(["embedding"], {"image": batch})[0]
        return embedding

    return run


def open_torch(folder: Path, threads: int, image_size: int) -> Engine:
    """open_clip's own model, on the GPU where torch sees one."""
    import open_clip
    import torch

    for name in ("open_clip_config.json", "open_clip_model.safetensors"):
        if not (folder / name).is_file():
            raise ArtifactError(f"No {name} in {folder}; encoder.json asks for engine torch.")
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = open_clip.create_model(f"local-dir:{folder}", device=device, precision="fp32").eval()

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():  # torch's grad mode belongs to the thread
            embedding: NDArray[np.float32] = model.encode_image(torch.from_numpy(batch).to(device)).cpu().numpy()
            return embedding

    return run
