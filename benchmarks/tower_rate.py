"""The image tower's share of this machine's own fp32 matrix rate: `tower_rate ENCODER THREADS`.

The faster of two products of square matrices sets the mark: NumPy's, for which the caller sets OPENBLAS_NUM_THREADS,
and that of ONNX Runtime alone, which is twice as fast on some processors. It prints how many billions of operations
tower and product do in a second.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from recommender.encoding.encoder import load_encoder
from recommender.encoding.engines import Hardware

BATCH = 8
SIDE = 2048
OPSET, IR = 18, 9
SECONDS = 0.6
TOKENS, WIDTH, LAYERS, HEAD, PATCH, DIMENSION = 50, 768, 12, 4, 3072, 512  # of a ViT-B-32; HEAD: how wide its MLPs are
PAUSE = 0.2  # seconds; the threads of the work before keep spinning for a little while


def tower_operations() -> int:
    """Multiplications and additions for one picture; in the last block only the first token is carried on."""
    square, attention = WIDTH * WIDTH, 2 * TOKENS * WIDTH
    per_token = (3 + 1 + 2 * HEAD) * square + attention
    last = TOKENS * 2 * square + (1 + 1 + 2 * HEAD) * square + attention
    products = (TOKENS - 1) * PATCH * WIDTH + (LAYERS - 1) * TOKENS * per_token + last + WIDTH * DIMENSION
    return 2 * products


def rate(work: Callable[[], object], operations: int) -> float:
    """Billions of operations in a second, by the fastest, so least disturbed, of the calls that fit into SECONDS."""
    time.sleep(PAUSE)
    work()
    taken, until = [], time.monotonic() + SECONDS
    while time.monotonic() < until:
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return operations / min(taken) / 1e9


def onnx_product(matrix: NDArray[np.float32], threads: int) -> Callable[[NDArray[np.float32]], object]:
    """A function that multiplies by the matrix in ONNX Runtime."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, matrix.shape) for name in ("one", "product")]
    node = helper.make_node("MatMul", ["one", "other"], ["product"])
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], [numpy_helper.from_array(matrix, "other")])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda one: session.run(None, {"one": one})


def main(folder: str, threads: str) -> None:
    random = np.random.default_rng(0)
    encoder = load_encoder(Path(folder), Hardware(int(threads)))
    size = encoder.spec.image_size
    batch = random.normal(size=(BATCH, 3, size, size)).astype(np.float32)
    tower = rate(lambda: encoder.encode(batch), BATCH * tower_operations())
    one, other = random.normal(size=(2, SIDE, SIDE)).astype(np.float32)
    by_runtime = onnx_product(other, int(threads))
    product = max(rate(lambda: one @ other, 2 * SIDE**3), rate(lambda: by_runtime(one), 2 * SIDE**3))
    print(json.dumps({"tower": tower, "product": product}))


if __name__ == "__main__":
    main(*sys.argv[1:])
