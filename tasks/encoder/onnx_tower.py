"""Image and text towers as ONNX: traced from torch, and stored small.

Weights stored as float16 become float32 again when the container loads the graph, and all arithmetic is float32;
with int8, matrices are multiplied as whole numbers.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from tasks.encoder.options import Precision
from tasks.scratch import scratch_folder

Initializers = list[onnx.TensorProto]
Nodes = list[onnx.NodeProto]
GRAPH, WEIGHTS = "image.onnx", "image.onnx.data"
QUANTISED = ["MatMul", "Attention"]
_SMALL = 512  # tensors with fewer values, and vectors, stay as they are: biases, norms and scales cost nothing
_BESIDE_GRAPH_BYTES = 1024  # smaller weights stay in the graph


class Tower(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # torch is not followed by mypy here
    """One method of the model as a module, which is what the exporter takes."""

    def __init__(self, model: torch.nn.Module, method: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.model = model
        self._method = method

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Return the embeddings."""
        return self._method(given)


def traced(tower: Tower, example: torch.Tensor, names: tuple[str, str]) -> onnx.ModelProto:
    """The graph that torch's exporter makes of a tower, for batches of any size."""
    program = torch.onnx.export(
        tower.eval(),
        (example,),
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_shapes={"given": {0: torch.export.Dim("batch")}},  # by the name of Tower.forward's argument
        dynamo=True,
        verbose=False,
    )
    model: onnx.ModelProto = program.model_proto
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for described in (*model.graph.node, *model.graph.input, *model.graph.output):
        del described.metadata_props[:]  # stack traces with paths of this machine
        described.doc_string = ""
    return model


def store(model: onnx.ModelProto, precision: Precision, folder: Path) -> None:
    """Write image.onnx, and its weights apart in image.onnx.data, so that a container maps them into memory."""
    if precision == "int8":
        model = _quantised(model)
    if precision != "fp32":
        shrink(model, float16_weights)
    onnx.save(
        model,
        folder / GRAPH,
        save_as_external_data=True,
        location=WEIGHTS,
        size_threshold=_BESIDE_GRAPH_BYTES,
    )


def _quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with int8 matrices, one scale per column."""
    with scratch_folder("int8") as scratch:
        written = scratch / GRAPH
        logging.getLogger().addFilter(_unasked)  # ONNX Runtime's quantization logs to the root logger
        try:
            quantize_dynamic(
                model,
                written,
                op_types_to_quantize=QUANTISED,
                per_channel=True,
                reduce_range=True,  # full int8 overflows without VNNI: agreement would depend on the CPU
                weight_type=QuantType.QInt8,
                use_external_data_format=True,
                extra_options={"DefaultTensorType": TensorProto.FLOAT},  # onnx can't infer those of fused operators
            )
        finally:
            logging.getLogger().removeFilter(_unasked)
        return onnx.load(written)


def _unasked(record: logging.LogRecord) -> bool:
    """False for ONNX Runtime's advice to pre-process a graph first, which fails on its own operators."""
    return "pre-processing before quantization" not in record.getMessage()


def float16_weights(tensor: onnx.TensorProto) -> tuple[Initializers, Nodes]:
    """Return a weight as float16, and the node that makes it float32 again."""
    small = f"{tensor.name}.float16"
    halves = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), small)
    return [halves], [helper.make_node("Cast", [small], [tensor.name], to=TensorProto.FLOAT)]


def shrink(model: onnx.ModelProto, smaller: Callable[[onnx.TensorProto], tuple[Initializers, Nodes]]) -> None:
    """Replace the large float32 weights in place; onnxruntime folds the added nodes away when it loads the model."""
    kept: Initializers = []
    added: Nodes = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2 or np.prod(tensor.dims) < _SMALL:
            kept.append(tensor)
            continue
        tensors, nodes = smaller(tensor)
        kept.extend(tensors)
        added.extend(nodes)
    nodes = [*added, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
