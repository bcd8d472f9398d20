"""Image towers as ONNX, by hand or traced, compute what open_clip computes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

open_clip = pytest.importorskip("open_clip")
torch = pytest.importorskip("torch")

from tasks.encoder.onnx_tower import GRAPH, WEIGHTS, Tower, store, traced  # noqa: E402
from tasks.encoder.vit_graph import is_plain_vit, vit_graph  # noqa: E402 - only where torch is

pytestmark = [pytest.mark.clip, pytest.mark.filterwarnings("ignore")]  # torch's exporter warns about itself
VISION = {"image_size": 32, "layers": 3, "width": 64, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}


def made(quick_gelu: bool = False, **vision: Any) -> Any:
    """A small model whose biases and gains all differ."""
    torch.manual_seed(3)
    model = open_clip.CLIP(24, {**VISION, **vision}, TEXT, quick_gelu=quick_gelu).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:
                weight += 0.3 * torch.randn_like(weight)
    return model


def pictures(count: int = 5, size: int = 32) -> Any:
    return np.random.default_rng(0).normal(size=(count, 3, size, size)).astype(np.float32)


def cosine(graph: onnx.ModelProto | Path, model: Any, given: Any) -> float:
    opened = str(graph) if isinstance(graph, Path) else graph.SerializeToString()
    (found,) = onnxruntime.InferenceSession(opened, providers=["CPUExecutionProvider"]).run(None, {"image": given})
    with torch.no_grad():
        expected = model.encode_image(torch.from_numpy(given)).numpy()
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float(((found * expected).sum(axis=1) / lengths).min())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quick_gelu": True},
        {"layers": 1},
        {"no_ln_pre": True},
        {"final_ln_after_pool": True},
        {"image_size": (32, 48)},
        {"mlp_ratio": 3.0},
        {"norm_kwargs": {"eps": 1e-2}},
    ],
)
def test_a_plain_tower_written_by_hand_computes_the_same(options: dict[str, Any]) -> None:
    model = made(**options)
    assert is_plain_vit(model.visual)
    given = np.random.default_rng(0).normal(size=(5, 3, *model.visual.image_size)).astype(np.float32)
    assert cosine(vit_graph(model.visual), model, given) > 0.999999


@pytest.mark.parametrize(
    "options",
    [
        {"layers": (1, 1, 1, 1), "width": 16, "head_width": 32},
        {"ls_init_value": 0.1},
        {"pool_type": "avg"},
        {"attentional_pool": True, "attn_pooler_heads": 2, "attn_pooler_queries": 4},
        {"qk_norm": True},
        {"output_tokens": True},
        {"act_kwargs": {"approximate": "tanh"}},
    ],
)
def test_a_tower_of_another_build_is_not_taken_for_a_plain_one(options: dict[str, Any]) -> None:
    assert not is_plain_vit(made(**options).visual)


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999999), ("fp16", 0.999999), ("int8", 0.999)])
def test_what_is_stored_computes_the_same(tmp_path: Path, precision: Any, least: float) -> None:
    model = made(width=128, head_width=32)
    store(vit_graph(model.visual), precision, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {GRAPH, WEIGHTS}
    assert least < cosine(tmp_path / GRAPH, model, pictures())


def test_a_tower_of_another_build_is_traced_and_stored_alike(tmp_path: Path) -> None:
    model = made(layers=(1, 1, 1, 1), width=16, head_width=32)
    graph = traced(Tower(model, model.encode_image), torch.zeros(2, 3, 32, 32), ("image", "embedding"))
    values = sum(weight.numel() for weight in model.visual.parameters())
    store(graph, "fp16", tmp_path)
    assert (tmp_path / WEIGHTS).stat().st_size < 2.2 * values
    assert cosine(tmp_path / GRAPH, model, pictures(1)) > 0.99999
    assert cosine(tmp_path / GRAPH, model, pictures(5)) > 0.99999


def test_only_the_first_token_goes_through_the_last_block() -> None:
    """With a single block, only keys and values are computed for the 16 patches."""
    graph = vit_graph(made(layers=1).visual)
    inferred = onnx.shape_inference.infer_shapes(graph)
    kinds = [node.op_type for node in inferred.graph.node]
    assert kinds.index("MultiHeadAttention") < kinds.index("BiasGelu")
    assert "Attention" not in kinds
    (attention,) = (node for node in graph.graph.node if node.op_type == "MultiHeadAttention")
    (query,) = (node for node in graph.graph.node if attention.input[0] in node.output)
    assert query.input[0].startswith("Slice")
