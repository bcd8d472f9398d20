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


ANY_QUESTION = """
import inspect, pathlib, resource, sys
model_dir, body, content_type, accept = sys.argv[1:5]
sys.path.insert(0, model_dir + "/code")
import inference

def called(name, *arguments):
    function = getattr(inference, name)
    taken = len(inspect.signature(function).parameters)
    return function(*(*arguments, None)[:max(taken, 1)])

model = called("model_fn", model_dir)
if all(hasattr(inference, name) for name in ("input_fn", "predict_fn", "output_fn")):
    asked = called("input_fn", pathlib.Path(body).read_bytes(), content_type)
    called("output_fn", called("predict_fn", asked, model), accept)
status = pathlib.Path("/proc/self/status")
peak_kib = status.read_text().partition("VmHWM:")[2].split()[0] if status.exists() else 0
print("answered with", int(peak_kib) * 1024 or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def verify(archive: Path, picture: Path) -> int:
    """Ask the artifact one real question as a container would, in another folder, with a clean interpreter.

    Return the most bytes of memory that the interpreter took; raise ArtifactError if it doesn't answer.
    """
    return _asked(archive, QUESTION, str(picture.resolve()))


def ask(archive: Path, body: bytes, content_type: str, accept: str) -> int:
    """Ask anybody's artifact one question; functions that its handler leaves to AWS's toolkit are not called.

    Raise ModuleNotFoundError if the handler imports what isn't installed here.
    """
    with scratch_folder("question") as folder:
        (folder / "body").write_bytes(body)
        try:
            return _asked(archive, ANY_QUESTION, str(folder / "body"), content_type, accept)
        except ArtifactError as exc:
            missing = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", str(exc))
            if missing:
                raise ModuleNotFoundError(str(exc), name=missing[1]) from exc
            raise


def _asked(archive: Path, question: str, *arguments: str) -> int:
    with scratch_folder("verify") as elsewhere:
        model_dir = elsewhere.resolve() / "model"
        unpack_tar_gz(archive, model_dir)
        # -I: neither PYTHONPATH nor the working folder may supply a module that the archive lacks
        asked = [sys.executable, "-I", "-c", question, str(model_dir), *arguments]
        done = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=300, cwd=elsewhere)
    answered = re.search(r"^answered with (\d+)$", done.stdout, re.MULTILINE)
    if done.returncode or not answered:
        raise ArtifactError(
            "The artifact could not answer a question, so it was not uploaded. It said:\n"
            + "\n".join(done.stderr.splitlines()[-12:])
        )
    return int(answered[1])
