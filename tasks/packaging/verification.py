"""The test of an artifact before its upload: in another folder, a clean interpreter has it answer a real question."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tasks.errors import ArtifactError
from tasks.exchange.request import Request
from tasks.packaging import asking
from tasks.packaging.archive import unpack_tar_gz
from tasks.scratch import scratch_folder

ANSWER_SECONDS = 300


class Said(NamedTuple):
    """True if the artifact answered, False if it was loaded alone; and the most memory that this took."""

    answered: bool
    resident_bytes: int


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
        command = ["-c", QUESTION, str(_unpacked(archive, elsewhere)), str(picture.resolve())]
        return _asked(command, elsewhere, {}).resident_bytes


def ask(archive: Path, request: Request, environment: Mapping[str, str]) -> Said:
    """Ask anybody's artifact one question as AWS's toolkit would, with the variables that its container gets.

    Raise ModuleNotFoundError if the handler imports what isn't installed here, ArtifactError if it doesn't answer.
    """
    with scratch_folder("question") as elsewhere:
        body = elsewhere.resolve() / "body"
        body.write_bytes(request.body)
        how = (request.content_type, request.accept, request.custom_attributes)
        command = [asking.__file__, str(_unpacked(archive, elsewhere)), str(body), *how]
        try:
            return _asked(command, elsewhere, environment)
        except ArtifactError as exc:
            missing = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", str(exc))
            if missing:
                raise ModuleNotFoundError(str(exc), name=missing[1]) from exc
            raise ArtifactError(
                f"{exc}\nIt was asked {request.name} ({request.content_type}). If the model has to refuse that, say so "
                "in requests.csv by expect=refused; if it can't run here, name an archive of it by model_uri."
            ) from exc


def _unpacked(archive: Path, folder: Path) -> Path:
    model_dir = folder.resolve() / "model"
    unpack_tar_gz(archive, model_dir)
    return model_dir


def _asked(command: list[str], elsewhere: Path, environment: Mapping[str, str]) -> Said:
    try:
        done = subprocess.run(
            # -I: neither PYTHONPATH nor the working folder may supply a module that the archive lacks
            [sys.executable, "-I", *command],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_SECONDS,
            cwd=elsewhere,
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired as exc:
        raise ArtifactError(
            f"The artifact did not answer a question within {ANSWER_SECONDS} s, so it was not uploaded."
        ) from exc
    said = re.search(r"^(answered|loaded) with (\d+)$", done.stdout, re.MULTILINE)
    if done.returncode or not said:
        raise ArtifactError(
            "The artifact could not answer a question, so it was not uploaded. It said:\n"
            + "\n".join(done.stderr.splitlines()[-12:])
        )
    return Said(said[1] == "answered", int(said[2]))
