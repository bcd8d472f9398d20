from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.encoding.encoder import EngineEncoder, load_encoder
from recommender.errors import ArtifactError, EncoderError


@pytest.fixture
def folder(tmp_path: Path, write_encoder: Any) -> Path:
    write_encoder(tmp_path)
    return tmp_path


def batch(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(count, 3, 32, 32)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 5])
def test_gives_unit_rows(folder: Path, count: int) -> None:
    rows = load_encoder(folder).encode(batch(count))
    assert (rows.shape, rows.dtype) == ((count, 24), np.float32)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_a_picture_has_the_same_embedding_alone_and_in_a_batch(folder: Path) -> None:
    encoder, pictures = load_encoder(folder), batch(4)
    together = encoder.encode(pictures)
    alone = np.concatenate([encoder.encode(each[None]) for each in pictures])
    assert np.allclose(together, alone, atol=1e-6)


def test_a_zero_embedding_is_an_error(folder: Path) -> None:
    with pytest.raises(EncoderError, match=r"norm 0\.0 for picture 0"):
        load_encoder(folder).encode(np.zeros((1, 3, 32, 32), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_embedding_that_is_not_finite_is_an_error(folder: Path, value: float) -> None:
    pictures = batch(3)
    pictures[1, 0, 0, 0] = value
    with pytest.raises(EncoderError, match="picture 1 of the batch"):
        load_encoder(folder).encode(pictures)


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 32, 32), np.float32), np.zeros((1, 3, 31, 32), np.float32), np.zeros((1, 3, 32, 32))]
)
def test_says_which_input_it_takes(folder: Path, wrong: Any) -> None:
    with pytest.raises(EncoderError, match=r"takes float32 \[N, 3, 32, 32\]"):
        load_encoder(folder).encode(wrong)


def test_an_engine_of_another_dimension_is_an_error(folder: Path) -> None:
    spec = load_encoder(folder).spec
    with pytest.raises(EncoderError, match="dimension 24"):
        EngineEncoder(spec, lambda pictures: np.ones((len(pictures), 23), np.float32)).encode(batch(2))


def test_a_failing_engine_is_named(folder: Path) -> None:
    def fail(_: Any) -> Any:
        raise RuntimeError("out of memory")

    with pytest.raises(EncoderError, match=r"tiny failed on a batch of 2: out of memory"):
        EngineEncoder(load_encoder(folder).spec, fail).encode(batch(2))


def test_may_be_shared_between_threads(folder: Path) -> None:
    encoder, pictures = load_encoder(folder), [batch(1, seed) for seed in range(8)]
    expected = [encoder.encode(each) for each in pictures]
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        found[number] = [encoder.encode(pictures[number]) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(row, expected[number]) for number in range(8) for row in found[number])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engine", "tensorflow"),
        ("dimension", 0),
        ("image_size", "32"),
        ("resize_mode", "longest"),
        ("interpolation", "random"),
        ("mean", [0.5, 0.5]),
        ("std", [0.5, 0.0, 0.5]),
        ("logit_scale", None),
    ],
)
def test_encoder_json_is_read_strictly(folder: Path, field: str, value: Any) -> None:
    path = folder / "encoder.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(ArtifactError, match=field):
        load_encoder(folder)


def test_encoder_json_may_say_more_but_not_less(folder: Path) -> None:
    path = folder / "encoder.json"
    written = json.loads(path.read_text())
    path.write_text(json.dumps({**written, "measured": {"pictures": 312}}))
    assert load_encoder(folder).spec.to_dict() == written
    agreement = {"min_cosine": 0.999998, "top10_overlap": 1.0, "pictures": 64}
    path.write_text(json.dumps({**written, "agreement": agreement}))
    assert load_encoder(folder).spec.to_dict() == {**written, "agreement": agreement}
    del written["licence"]
    path.write_text(json.dumps(written))
    with pytest.raises(ArtifactError, match=r"lacks \['licence'\]"):
        load_encoder(folder)


@pytest.mark.parametrize("name", ["encoder.json", "image.onnx"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"No {name}"):
        load_encoder(folder)


@pytest.mark.parametrize(("name", "complaint"), [("encoder.json", "isn't JSON"), ("image.onnx", "can't open")])
def test_a_damaged_file_is_named(folder: Path, name: str, complaint: str) -> None:
    (folder / name).write_bytes(b"{damaged")
    with pytest.raises(ArtifactError, match=complaint):
        load_encoder(folder)


def test_weights_may_lie_beside_the_graph(folder: Path) -> None:
    before = load_encoder(folder).encode(batch(2))
    assert (beside(folder) / "image.onnx.data").is_file()
    assert np.array_equal(load_encoder(folder).encode(batch(2)), before)


def beside(folder: Path) -> Path:
    """The folder with its weights in a file of their own, as packaging writes those of a large tower."""
    import onnx

    model = onnx.load(folder / "image.onnx")
    (folder / "image.onnx").unlink()
    onnx.save(model, folder / "image.onnx", save_as_external_data=True, location="image.onnx.data", size_threshold=0)
    return folder


def mapped_bytes(name: str) -> int:
    """The bytes of files of this name that are mapped into this process."""
    ranges = [line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines() if name in line]
    return sum(int(end, 16) - int(start, 16) for start, end in ranges)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_weights_stay_mapped_where_pre_packing_is_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = beside(folder) / "image.onnx.data"
    packed = load_encoder(folder)
    copied = mapped_bytes(str(weights))
    monkeypatch.setenv("STYGIG_ORT_PREPACK", "0")
    unpacked = load_encoder(folder)
    assert mapped_bytes(str(weights)) - copied >= weights.stat().st_size > copied
    assert np.allclose(packed.encode(batch(2)), unpacked.encode(batch(2)), atol=1e-6)


def test_a_read_only_folder_may_be_loaded_twice(folder: Path) -> None:
    files = {path: path.read_bytes() for path in beside(folder).iterdir()}
    for path in (*files, folder):
        path.chmod(path.stat().st_mode & ~0o222)
    first, second = load_encoder(folder), load_encoder(folder)
    assert np.array_equal(first.encode(batch(2)), second.encode(batch(2)))
    assert {path: path.read_bytes() for path in folder.iterdir()} == files
    folder.chmod(0o755)


ONE_REQUEST = """
import json, pathlib, socket, sys
class Blocked(socket.socket):
    def __init__(self, *_, **__):
        raise OSError("a socket was opened")
socket.socket = Blocked
import inference
model = inference.model_fn(sys.argv[1], None)
asked = inference.input_fn(pathlib.Path(sys.argv[2]).read_bytes(), "image/png", None)
body, _ = inference.output_fn(inference.predict_fn(asked, model, None), "application/json", None)
assert json.loads(body)["recommendations"]
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_starts_and_answers_without_a_socket_and_without_heavy_imports(
    artifact: Path, draw: Any, encoded: Any, tmp_path: Path
) -> None:
    (tmp_path / "query.png").write_bytes(encoded(draw("upperwear_shirt")))
    command = [sys.executable, "-c", ONE_REQUEST, str(artifact), str(tmp_path / "query.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    unneeded = {"torch", "open_clip", "onnx", "scipy", "sklearn", "faiss", "boto3", "botocore", "urllib3", "requests"}
    assert unneeded.isdisjoint(json.loads(done.stdout))
