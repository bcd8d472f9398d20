"""A folder with anybody's model and `code/inference.py`, packaged as it is: the same files make the same archive."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tasks.errors import InputError
from tasks.exchange.request import Request
from tasks.names import MODELS_PREFIX, S3Location
from tasks.packaging.archive import content_hash, file_hashes, write_tar_gz
from tasks.packaging.artifact import Artifact
from tasks.packaging.published import publish_latest, upload_footprint
from tasks.packaging.verification import ask
from tasks.pictures.files import is_hidden
from tasks.plan import RunPlan
from tasks.prefect_task import Progress, run_logger, silent, task
from tasks.scratch import scratch_folder
from tasks.storage import exists, upload, upload_file

HANDLER = Path("code", "inference.py")


def check_model_choice(model_dir: str, model_uri: str, requests: str) -> None:
    """Raise InputError for two models, and for another model than the recommender without requests for it."""
    if model_dir and model_uri:
        raise InputError("Give either model_dir or model_uri, not both.")
    if model_dir:
        checked_model_dir(model_dir)
        if not requests:
            raise InputError(f"The model in {model_dir} needs requests: name a folder of bodies with requests.")


def package_folder(
    plan: RunPlan,
    model_dir: str,
    request: Request,
    requests: str,
    environment: Mapping[str, str],
    progress: Progress = silent,
) -> Artifact:
    """Return the artifact in S3; `requests`, if it lies in the folder, is no part of the model."""
    folder = checked_model_dir(model_dir)
    with scratch_folder("model") as scratch:
        stage = _copied(folder, scratch / "stage", Path(requests).expanduser().resolve() if requests else None)
        hashes = file_hashes(stage)
        version = content_hash(hashes)[:12]
        where = S3Location(plan.bucket, f"{MODELS_PREFIX}{version}/model.tar.gz")
        uploaded = not exists(where)
        if uploaded:
            _upload(stage, hashes, version, where, request, environment, scratch, progress)
        else:
            progress(f"unchanged since it was packaged: {where.uri}")
    publish_latest(plan.bucket, where.uri, version)
    return Artifact(where.uri, version, "", 0, uploaded)


def checked_model_dir(model_dir: str) -> Path:
    """The folder; InputError unless it has a handler."""
    folder = Path(model_dir).expanduser()
    if not folder.is_dir():
        raise InputError(f"The model's folder {model_dir} does not exist.")
    if not (folder / HANDLER).is_file():
        raise InputError(
            f"{folder} has no {HANDLER}, with which AWS's images serve a model: put your model_fn, input_fn, "
            "predict_fn and output_fn there."
        )
    return folder


def _copied(folder: Path, stage: Path, left_out: Path | None) -> Path:
    def ignored(here: str, names: list[str]) -> list[str]:
        inside = [name for name in names if left_out and (Path(here) / name).resolve() == left_out]
        return [*inside, *(name for name in names if name == "__pycache__" or is_hidden(Path(name)))]

    try:
        shutil.copytree(folder, stage, ignore=ignored)
    except shutil.Error as exc:
        failed = [(Path(name), why) for name, _, why in exc.args[0]]
        more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
        raise InputError(
            f"The model's folder can't be packaged: {failed[0][0]}: {failed[0][1]}{more}. Remove or repair it."
        ) from exc
    except OSError as exc:
        raise InputError(f"The model's folder {folder} can't be read: {exc}. Remove or repair that.") from exc
    return stage


def _upload(
    stage: Path,
    hashes: dict[str, str],
    version: str,
    where: S3Location,
    request: Request,
    environment: Mapping[str, str],
    scratch: Path,
    progress: Progress,
) -> None:
    archive = scratch / "model.tar.gz"
    write_tar_gz(stage, archive)
    progress(f"archive of {archive.stat().st_size / 1e6:.1f} MB, version {version}")
    base = S3Location(where.bucket, where.key.removesuffix("model.tar.gz"))
    try:
        said = ask(archive, request, environment)
    except ModuleNotFoundError as exc:  # the container may have it
        progress(f"not verified: this machine has no {exc.name}, which the handler imports")
    else:
        memory = f"with {said.resident_bytes / 1e6:.0f} MB of memory"
        if said.answered:
            progress(f"verified: {request.name} answered {memory}")
        else:
            progress(
                f"loaded {memory}; not asked, because the handler leaves functions to the image: it lacks some of "
                "model_fn, input_fn, predict_fn, output_fn, and has no transform_fn"
            )
        upload_footprint(base, said.resident_bytes, request_bytes=0)
    manifest = {"model_version": version, "files": hashes, "encoder": {"name": "of the model"}}
    upload(json.dumps(manifest, indent=1).encode(), base.child("files/manifest.json"), "application/json")
    upload_file(archive, where)
    progress(f"uploaded to {where.uri}")


@task(name="package-folder")
def package_folder_task(
    plan: RunPlan, model_dir: str, request: Request, requests: str, environment: Mapping[str, str]
) -> Artifact:
    logger = run_logger()
    return package_folder(
        plan, model_dir, request, requests, environment, lambda line: logger.info("packaging: %s", line)
    )
