from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import inference

SERVE = """
import json, os, sys, threading
def count(): return len(os.listdir("/proc/self/task"))
import inference
imported = count()
import onnxruntime  # has a thread of its own, which sleeps
idle = count()
model, body = inference.model_fn(sys.argv[1]), open(sys.argv[2], "rb").read()
def answer(): inference.predict_fn(inference.input_fn(body, "image/png"), model)
answer()
serving, seen, both = count(), [], threading.Barrier(2)
def work():
    both.wait()
    answer()
    seen.append(count())
    both.wait()
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps({"of imports": imported - 1, "of the session": serving - idle, "of two requests": max(seen) - idle}))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
def test_a_worker_has_the_servers_threads_and_none_of_its_libraries(
    artifact: Path, tmp_path: Path, encoded: Any, draw: Any
) -> None:
    """Thread pools of NumPy's BLAS or of ONNX Runtime would compete with the request threads for the cores."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(encoded(draw("accessories_bag")))
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = str(Path(inference.__file__).parent)
    asked = [sys.executable, "-c", SERVE, str(artifact), str(picture)]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"of imports": 0, "of the session": 0, "of two requests": 2}
