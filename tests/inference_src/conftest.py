"""A small artifact that behaves: drawn garments, an encoder of a pooling and a matrix, text rows that fit it."""

from __future__ import annotations

import io
import json
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw

import inference
from recommender.attributes import CATEGORIES, GENDERS
from recommender.catalogue.catalogue import Catalogue, Item, describe_item, open_catalogue
from recommender.encoding.encoder import EncoderSpec, load_encoder
from recommender.pictures.image import preprocess
from recommender.recommend import Recommender
from tasks.packaging import catalogue_files
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.inputs import handler_files

IMAGE_SIZE, DIMENSION, GRID = 32, 24, 4
COLOURS = {"navy": (20, 28, 80), "red": (220, 25, 30)}

Draw = Callable[..., Image.Image]
Bytes = Callable[..., bytes]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draws a garment: each category has its own pattern of squares."""
    return _draw


def _draw(category: str, colour: Any = "navy", background: Any = "white", side: int = 64) -> Image.Image:
    image = Image.new("RGB", (side, side), background)
    canvas, step = ImageDraw.Draw(image), side // 8
    cells = np.random.default_rng(CATEGORIES.index(category)).choice(36, 14, replace=False)
    for cell in cells:
        left, top = step * (1 + int(cell) % 6), step * (1 + int(cell) // 6)
        canvas.rectangle((left, top, left + step - 1, top + step - 1), fill=COLOURS.get(colour, colour))
    return image


@pytest.fixture(scope="session")
def encoded() -> Bytes:
    """The bytes of a picture as a file."""

    def to_bytes(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
        body = io.BytesIO()
        image.save(body, file_format, **options)
        return body.getvalue()

    return to_bytes


@pytest.fixture(scope="session")
def write_encoder() -> Callable[[Path], EncoderSpec]:
    """Writes an encoder folder, without the text embeddings."""
    return _write_encoder


def _write_encoder(folder: Path, bias: NDArray[np.float32] | None = None) -> EncoderSpec:
    folder.mkdir(parents=True, exist_ok=True)
    spec = EncoderSpec(
        name="tiny",
        engine="onnxruntime",
        dimension=DIMENSION,
        image_size=IMAGE_SIZE,
        resize_mode="shortest",
        interpolation="bicubic",
        mean=(0.9, 0.9, 0.9),
        std=(0.25, 0.25, 0.25),
        logit_scale=30.0,
        precision="fp32",
        source="made by the tests",
        licence="MIT",
    )
    (folder / "encoder.json").write_text(json.dumps(spec.to_dict()))
    onnx.save(_graph(bias), folder / "image.onnx")
    return spec


def _graph(bias: NDArray[np.float32] | None) -> onnx.ModelProto:
    pool = IMAGE_SIZE // GRID
    weights = np.random.default_rng(0).normal(size=(3 * GRID * GRID, DIMENSION)).astype(np.float32)
    constant = np.zeros(DIMENSION, np.float32) if bias is None else bias
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[pool, pool], strides=[pool, pool]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, IMAGE_SIZE, IMAGE_SIZE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSION])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(constant, "bias")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture(scope="session")
def write_catalogue() -> Callable[..., None]:
    """Writes a catalogue folder of items, their embeddings and text rows."""
    return _write_catalogue


def _write_catalogue(folder: Path, items: list[Item], rows: NDArray[np.float32], text: NDArray[np.float32]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    catalogue_files.write_catalogue(folder, items, rows, progress=lambda line: None)
    np.save(folder / "attributes.npy", text)
    prompts = [{"kind": "category", "value": name, "prompt": f"a photo of {name}"} for name in CATEGORIES]
    prompts += [{"kind": "gender", "value": name, "prompt": f"for {name}"} for name in GENDERS]
    (folder / "attributes.json").write_text(json.dumps(prompts))


@pytest.fixture
def first_axis() -> NDArray[np.float32]:
    """The query that catalogue_of places its items around."""
    return np.eye(DIMENSION, dtype=np.float32)[0]


@pytest.fixture
def catalogue_of(tmp_path: Path, artifact: Path) -> Callable[[list[Item], NDArray[np.float64]], Catalogue]:
    """Writes and opens a catalogue of items which have these cosines to the first axis."""

    def opened(items: list[Item], cosines: NDArray[np.float64]) -> Catalogue:
        rows = np.zeros((len(items), DIMENSION), np.float32)
        rows[:, 0], rows[:, 1] = cosines, np.sqrt(1 - np.square(cosines))
        _write_catalogue(tmp_path, items, rows, np.load(artifact / "catalogue" / "attributes.npy"))
        return open_catalogue(tmp_path, DIMENSION)

    return opened


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unpacked artifact of 78 items: each category, gender and colour once."""
    root = tmp_path_factory.mktemp("artifact")
    _write_encoder(root / "encoder")
    encoder = load_encoder(root / "encoder")
    items, pictures = [], []
    for category in CATEGORIES:
        for number, gender in enumerate(GENDERS):
            for colour in COLOURS:
                image = _draw(category, colour)
                pictures.append(preprocess(image, encoder.spec))
                items.append(describe_item(image, f"{category}/{colour}-{number}.png", category, gender))
    rows = encoder.encode(np.stack(pictures))
    per_category = rows.reshape(len(CATEGORIES), -1, DIMENSION).mean(axis=1)
    text = np.concatenate([per_category, np.random.default_rng(1).normal(size=(3, DIMENSION))])
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    _write_catalogue(root / "catalogue", items, rows, text.astype(np.float32))
    manifest = {"schema_version": 1, "model_version": "0123456789ab", "catalogue": {"items": len(items)}}
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


@pytest.fixture(scope="session")
def packed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact as it is uploaded, with the handler in it."""
    folder = tmp_path_factory.mktemp("packed")
    shutil.copytree(artifact, folder / "stage")
    for file in handler_files():
        target = folder / "stage" / "code" / file.relative_to(Path(inference.__file__).parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    write_tar_gz(folder / "stage", folder / "model.tar.gz")
    return folder / "model.tar.gz"


@pytest.fixture(scope="session")
def recommender(artifact: Path) -> Recommender:
    """The artifact, opened."""
    return Recommender.load(artifact)


@dataclass
class ServingContext:
    """The context that the model server hands to the toolkit: one request's headers in, status and content type out."""

    model_dir: str
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    phrase: str = "OK"
    content_type: str | None = None

    @property
    def system_properties(self) -> dict[str, str]:
        return {"model_dir": self.model_dir}

    @property
    def request_processor(self) -> list[ServingContext]:
        return [self]

    def get_request_properties(self) -> dict[str, str]:
        return self.headers

    def get_request_id(self, index: int) -> str:
        return f"request-{index}"

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.status, self.phrase = code, phrase

    def set_response_content_type(self, idx: int, value: str) -> None:
        self.content_type = value


@dataclass(frozen=True)
class Reply:
    """One HTTP reply as the model server would send it."""

    status: int
    content_type: str | None
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Invoke = Callable[..., Reply]


@pytest.fixture(autouse=True)
def toolkit_as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo the handler's change to what AWS's toolkit decodes, so that no other test sees it."""
    toolkit = sys.modules.get("sagemaker_inference.content_types")
    if toolkit is not None:
        monkeypatch.setattr(toolkit, "UTF8_TYPES", [*toolkit.UTF8_TYPES])


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Invoke]:
    """Starts AWS's own toolkit on a model folder; the result sends it one request."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sagemaker_inference import content_types
        from sagemaker_inference.transformer import Transformer

    monkeypatch.setenv("SAGEMAKER_PROGRAM", "inference.py")
    monkeypatch.setattr(content_types, "UTF8_TYPES", [*content_types.UTF8_TYPES])

    def start(model_dir: Path) -> Invoke:
        transformer, context = Transformer(), ServingContext(str(model_dir))

        def invoke(
            body: bytes | bytearray, content_type: str | None = None, accept: str | None = None, **more: str
        ) -> Reply:
            headers = {"Content-Type": content_type, "Accept": accept, **more}
            context.headers = {name: value for name, value in headers.items() if value is not None}
            context.status, context.content_type = 200, None
            replies = transformer.transform([{"body": bytearray(body)}], context)
            return Reply(context.status, context.content_type, replies[0])

        return invoke

    return start


@pytest.fixture
def invoke(serve: Callable[[Path], Invoke], artifact: Path) -> Invoke:
    """Sends a request to the small artifact under AWS's own toolkit."""
    return serve(artifact)
