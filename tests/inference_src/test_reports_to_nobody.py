"""ONNX Runtime reports a process's sessions to its makers, but never ours, in the container or anywhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import inference
from tests.inference_src.alone import MISSING, Ran, run_alone

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

IMPORTS = re.compile(r"^\s*(import|from) onnxruntime\b", re.MULTILINE)
CODE = str(Path(inference.__file__).parent)
REPOSITORY = str(Path(inference.__file__).parents[1])
TOLD_APART = """
import socket, sys
import onnxruntime
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
try: socket.getaddrinfo("name.invalid", 443)
except OSError: pass
try: socket.socket()
except OSError: pass
"""
SERVED = """
import os, pathlib, sys
def threads(): return len(os.listdir("/proc/self/task"))
import inference
model = inference.model_fn(sys.argv[1], None)
asked = inference.input_fn(pathlib.Path(sys.argv[2]).read_bytes(), "image/png", None)
body, _ = inference.output_fn(inference.predict_fn(asked, model, None), "application/json", None)
print(threads(), "thread", "onnxruntime" in sys.modules, "recommendations" in body)
"""
PACKAGED = """
import pathlib, sys
from tasks.encoder.choice import EncoderChoice
from tasks.packaging.archive import write_tar_gz
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tasks.packaging.verification import verify
from tasks.packaging.wheels import Wheels
entries, stage = scan_catalogue(pathlib.Path(sys.argv[1])), pathlib.Path("stage")
build(entries, EncoderChoice(), stage, lambda line: None, None)
write_tar_gz(stage, pathlib.Path("model.tar.gz"))
print(verify(pathlib.Path("model.tar.gz"), entries[0].file) > 0)
"""
IMPORTED = """
import importlib, os, sys
importlib.import_module(sys.argv[1])
import onnxruntime
print(len(os.listdir("/proc/self/task")), "thread")
"""


def test_left_alone_it_leaves_an_id_in_the_home_folder_and_the_recorder_sees_look_ups(
    artifact: Path, tmp_path: Path
) -> None:
    """This shows that the other tests could find a report; without it they would prove nothing."""
    ran = run_alone(tmp_path, "-c", TOLD_APART, artifact / "encoder" / "image.onnx")
    assert [name for name in ran.home if name.endswith("deviceid")]
    assert {"getaddrinfo name.invalid", "socket IPv4"} <= set(ran.network)


def test_a_worker_starts_and_answers_without_any_report(
    artifact: Path, tmp_path: Path, draw: Any, encoded: Any
) -> None:
    """A thread would send the reports seconds later, so there must be none but the one that serves."""
    (tmp_path / "query.png").write_bytes(encoded(draw("upperwear_shirt")))
    ran = run_alone(tmp_path, "-c", SERVED, artifact, "query.png", PYTHONPATH=CODE)
    assert ran.said == "1 thread True True\n"
    assert quiet(ran)


def test_nobody_can_switch_the_reports_on_by_mistake(artifact: Path, tmp_path: Path, draw: Any, encoded: Any) -> None:
    (tmp_path / "query.png").write_bytes(encoded(draw("upperwear_shirt")))
    ran = run_alone(tmp_path, "-c", SERVED, artifact, "query.png", PYTHONPATH=CODE, ORT_DISABLE_TELEMETRY="")
    assert ran.said.startswith("1 thread")
    assert quiet(ran)


def test_packaging_and_its_clean_interpreter_report_nothing(drawn_catalogue: Path, tmp_path: Path) -> None:
    ran = run_alone(tmp_path, "-W", "ignore", "-c", PACKAGED, drawn_catalogue)
    assert ran.said == "True\n"
    assert set(ran.network) <= {"socket IPv6"}  # urllib3, which boto3 imports, checks whether IPv6 works
    assert ran.home == []


@pytest.mark.parametrize("module", ["tasks", "benchmarks", "recommender", "recommender.encoding.engines"])
def test_whatever_of_ours_comes_first_onnx_runtime_reports_nothing(module: str, tmp_path: Path) -> None:
    ran = run_alone(tmp_path, "-c", IMPORTED, module, PYTHONPATH=REPOSITORY, OPENBLAS_NUM_THREADS="1")
    assert ran.said == "1 thread\n"
    assert quiet(ran)


@pytest.mark.slow
@pytest.mark.clip
@pytest.mark.parametrize("module", ["tasks.encoder.onnx_tower", "tasks.encoder.export", "tools.demo_encoder.export"])
def test_neither_do_the_modules_that_make_graphs(module: str, tmp_path: Path) -> None:
    ran = run_alone(tmp_path, "-W", "ignore", "-c", IMPORTED, module)
    assert quiet(ran)


def test_no_other_module_of_ours_imports_onnx_runtime() -> None:
    """Test modules are imported after conftest.py, which imports the recommender first."""
    folders = [each for each in Path(REPOSITORY).iterdir() if each.is_dir() and not each.name.startswith(".")]
    files = [file.relative_to(REPOSITORY) for folder in folders for file in folder.rglob("*.py")]
    importing = {file for file in files if IMPORTS.search((Path(REPOSITORY) / file).read_text("utf-8"))}
    assert {file.parts[0] for file in importing} == {"benchmarks", "inference_src", "tasks", "tests", "tools"}


def quiet(ran: Ran) -> bool:
    """True if the network was not used and nothing was left in the home folder; AssertionError otherwise."""
    assert (ran.network, ran.home) == ([], [])
    return True
