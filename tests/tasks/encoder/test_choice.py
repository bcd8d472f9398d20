"""The encoder that a catalogue is packaged with, and the errors when it can't be had."""

import json
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from recommender.encoding.encoder import EncoderSpec, load_encoder
from recommender.errors import shown
from tasks.encoder.choice import DEMO_FOLDER, EncoderChoice, fingerprint_files, prepare_encoder
from tasks.encoder.options import Precision
from tasks.errors import InputError
from tasks.packaging.artifact import check_packagable
from tasks.packaging.inputs import PackagingInputs, inputs_digest


def test_the_demo_encoder_is_put_into_the_folder_whole(tmp_path: Path) -> None:
    spec = prepare_encoder(EncoderChoice("demo"), tmp_path / "encoder")
    assert spec.name == "demo"
    files = {file.name for file in (tmp_path / "encoder").iterdir()}
    assert {"encoder.json", "image.onnx", "attributes.json", "attributes.npy", "NOTICE"} <= files
    assert "text.onnx" not in files
    assert load_encoder(tmp_path / "encoder").spec == spec


def test_a_prepared_encoder_says_only_what_a_container_reads(tmp_path: Path) -> None:
    prepare_encoder(EncoderChoice("demo"), tmp_path)
    assert set(json.loads((tmp_path / "encoder.json").read_text())) == {*EncoderSpec.__slots__} - {"agreement"}


@pytest.mark.parametrize("wanted", ["", "clip", "ViT-B-32", "/nonexistent/model.pt", ".", "x" * 5_000])
def test_a_name_that_is_nothing_is_quoted_with_what_would_be_something(wanted: str, tmp_path: Path) -> None:
    for attempt in (
        lambda: prepare_encoder(EncoderChoice(wanted), tmp_path),
        lambda: check_packagable(PackagingInputs("catalogue", EncoderChoice(wanted))),
    ):
        with pytest.raises(InputError) as found:
            attempt()
        assert str(found.value).startswith(f"Encoder {shown(wanted)} is neither 'demo', nor an open_clip NAME:TAG")


@pytest.mark.parametrize("wanted", ["", ":", "NAME:", "NAME:.", "NAME:/", "hf-hub:", "clip", "x:" + "y" * 5_000])
def test_what_is_no_file_decides_nothing(wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert fingerprint_files(wanted) == []


def test_an_unknown_precision_is_refused_before_anything_is_exported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Precision 'bf16' is not one of fp16, fp32, int8"):
        prepare_encoder(EncoderChoice("ViT-B-32:openai", "bf16"), tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "precision", "engine", "said"),
    [
        ("demo", "fp16", "torch", r"demo encoder is there for engine onnxruntime only; for torch, give .*NAME:TAG"),
        ("ViT-B-32:openai", "int8", "torch", r"torch has no precision int8: give fp16 or fp32, or engine onnxruntime"),
        ("ViT-B-32:openai", "fp16", "tensorrt", r"Engine 'tensorrt' is not one of onnxruntime, torch"),
    ],
)
def test_an_engine_that_cant_run_the_encoder_is_refused_before_anything_is_exported(
    wanted: str, precision: Any, engine: Any, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        check_packagable(PackagingInputs("catalogue", EncoderChoice(wanted, precision, engine)))
    with pytest.raises(InputError, match=said):
        prepare_encoder(EncoderChoice(wanted, precision, engine), tmp_path / "encoder")
    assert not (tmp_path / "encoder").exists()


def test_without_open_clip_engine_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(InputError, match=r"Packaging ViT-B-32:openai needs .*make setup-clip"):
        check_packagable(PackagingInputs("catalogue", EncoderChoice("ViT-B-32:openai", engine="torch")))


def test_without_torch_an_open_clip_encoder_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tasks.encoder.export", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"Packaging ViT-B-32:openai needs torch.*make setup-clip.*--encoder demo"):
        prepare_encoder(EncoderChoice("ViT-B-32:openai"), tmp_path)


def test_another_precision_is_another_artifact_unless_the_encoder_has_its_own() -> None:
    def digests(encoder: str) -> set[str]:
        return {inputs_digest([], EncoderChoice(encoder, precision=precision)) for precision in get_args(Precision)}

    assert len(digests("ViT-B-32:openai")) == 3
    assert digests("demo") == {inputs_digest([], EncoderChoice("demo"))}


@pytest.mark.clip
def test_another_engine_is_another_artifact_unless_the_encoder_has_its_own() -> None:
    pytest.importorskip("open_clip")
    pytest.importorskip("torch")
    assert inputs_digest([], EncoderChoice("ViT-B-32:openai")) != inputs_digest(
        [], EncoderChoice("ViT-B-32:openai", engine="torch")
    )
    assert inputs_digest([], EncoderChoice("demo")) == inputs_digest([], EncoderChoice("demo", engine="torch"))


def test_what_decides_an_encoder_are_its_files(tmp_path: Path) -> None:
    checkpoint = tmp_path / "model.pt"
    checkpoint.write_bytes(b"weights")
    assert fingerprint_files("demo") == sorted(DEMO_FOLDER.iterdir())
    assert fingerprint_files(f"ViT-B-32:{checkpoint}") == [checkpoint]
    assert fingerprint_files(str(checkpoint)) == [checkpoint]
    assert fingerprint_files("ViT-B-32:openai") == []
    config = tmp_path / "open_clip_config.json"
    config.write_text("{}")
    assert fingerprint_files(str(checkpoint)) == [checkpoint, config]
    assert fingerprint_files(str(tmp_path)) == [checkpoint, config]


def test_a_colon_in_a_path_belongs_to_the_path(tmp_path: Path) -> None:
    checkpoint = tmp_path / "of:today.pt"
    checkpoint.write_bytes(b"weights")
    assert fingerprint_files(str(checkpoint)) == [checkpoint]
    assert fingerprint_files(f"ViT-B-32:{checkpoint}") == [checkpoint]
