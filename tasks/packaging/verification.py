"""The test of an artifact before its upload: in another folder, a clean interpreter has it answer a real question."""

import re
import subprocess
import sys
from pathlib import Path

from tasks.errors import ArtifactError
from tasks.packaging.archive import unpack_tar_gz
from tasks.scratch import scratch_folder

QUESTION = """
import json, pathlib, resource, sys
model_dir, picture = sys.argv[1:3]
sys.path.insert(0, model_dir + "/code")
import inference, recommender
assert recommender.__file__.startswith(model_dir), recommender.__file__
model = inference.model_fn(model_dir, None)
asked = inference.input_fn(pathlib.Path(picture).read_bytes(), "image/jpeg", None)
answer = inference.output_fn(inference.predict_fn(asked, model, None), "application/json", None)
body = answer[0] if isinstance(answer, tuple) else answer
assert "recommendations" in json.loads(body), body
status = pathlib.Path("/proc/self/status")  # Linux hands ru_maxrss down from the parent
peak_kib = status.read_text().partition("VmHWM:")[2].split()[0] if status.exists() else 0
print("answered with", int(peak_kib) * 1024 or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def verify(archive: Path, picture: Path) -> int:
    """Ask the artifact one real question as a container would, in another folder, with a clean interpreter.

    Return the most bytes of memory that the interpreter took; raise ArtifactError if it doesn't answer.
    """
    with scratch_folder("verify") as elsewhere:
        model_dir = elsewhere.resolve() / "model"
        unpack_tar_gz(archive, model_dir)
        # -I: neither PYTHONPATH nor the working folder may supply a module that the archive lacks
        asked = [sys.executable, "-I", "-c", QUESTION, str(model_dir), str(picture.resolve())]
        done = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=300, cwd=elsewhere)
    answered = re.search(r"^answered with (\d+)$", done.stdout, re.MULTILINE)
    if done.returncode or not answered:
        raise ArtifactError(
            "The artifact could not answer a question, so it was not uploaded. It said:\n"
            + "\n".join(done.stderr.splitlines()[-12:])
        )
    return int(answered[1])
