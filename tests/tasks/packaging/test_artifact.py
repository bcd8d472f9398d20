"""Packaging: complete, verified, named by its content, and never uploaded twice."""

import json
import shutil
from pathlib import Path

import boto3
import numpy as np
import pytest

from recommender.attributes import CATEGORIES
from tasks.encoder.choice import EncoderChoice
from tasks.errors import ArtifactError, InputError, NotFoundError
from tasks.names import S3Location
from tasks.packaging.archive import content_hash, file_hashes, unpack_tar_gz, write_tar_gz
from tasks.packaging.artifact import Artifact, check_packagable, package
from tasks.packaging.building import build
from tasks.packaging.catalogue import scan_catalogue
from tasks.packaging.inputs import HANDLER, PackagingInputs
from tasks.packaging.published import read_manifest
from tasks.plan import RunPlan
from tasks.storage import download, upload
from tests.tasks.deployed import BUCKET, put_picture


@pytest.fixture(scope="module")
def built(drawn_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an artifact, as they are packed."""
    stage = tmp_path_factory.mktemp("artifact") / "stage"
    build(scan_catalogue(drawn_catalogue), EncoderChoice("demo"), stage, lambda line: None)
    return stage


@pytest.fixture
def versioned(plan: RunPlan) -> None:
    boto3.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def packaged(plan: RunPlan, catalogue: Path, versioned: None) -> Artifact:
    return repackaged(plan, catalogue)


@pytest.fixture
def unpacked(packaged: Artifact, tmp_path: Path) -> Path:
    (tmp_path / "model.tar.gz").write_bytes(download(packaged.uri))
    unpack_tar_gz(tmp_path / "model.tar.gz", tmp_path / "model")
    return tmp_path / "model"


def repackaged(plan: RunPlan, catalogue: Path) -> Artifact:
    return package(plan, PackagingInputs(str(catalogue)), lambda line: None)


def stored() -> dict[str, str]:
    """The version of every object of the bucket; even writing the same bytes again would change it."""
    listed = boto3.client("s3").list_object_versions(Bucket=BUCKET).get("Versions", [])
    return {item["Key"]: item["VersionId"] for item in listed if item["IsLatest"]}


def archives() -> list[str]:
    return [key for key in stored() if key.endswith("model.tar.gz")]


def test_an_artifact_holds_what_a_container_needs_and_nothing_else(built: Path) -> None:
    names = {file.relative_to(built).as_posix() for file in built.rglob("*") if file.is_file()}
    assert {
        "manifest.json",
        "encoder/encoder.json",
        "encoder/image.onnx",
        "catalogue/items.jsonl",
        "catalogue/embeddings.npy",
        "catalogue/attributes.json",
        "catalogue/attributes.npy",
        "code/inference.py",
        "code/recommender/__init__.py",
    } <= names
    assert not [name for name in names if name.endswith((".pkl", ".pt", ".pyc", ".jpg"))]
    assert {name.partition("/")[0] for name in names} == {"manifest.json", "encoder", "catalogue", "code"}


def test_the_manifest_hashes_every_file_truly_and_names_the_version_after_them(
    unpacked: Path, packaged: Artifact
) -> None:
    manifest = json.loads((unpacked / "manifest.json").read_text())
    found = file_hashes(unpacked)
    del found["manifest.json"]
    assert manifest["files"] == found
    assert manifest["model_version"] == content_hash(found)[:12] == packaged.model_version
    assert packaged.uri == f"s3://{BUCKET}/models/{packaged.model_version}/model.tar.gz"
    assert (packaged.encoder, packaged.items, packaged.uploaded) == ("demo", 13, True)


def test_the_manifest_describes_catalogue_and_encoder(built: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text())
    assert manifest["catalogue"] == {
        "items": 52,
        "dimension": manifest["encoder"]["dimension"],
        "categories": dict.fromkeys(sorted(CATEGORIES), 4),
        "skipped": [],
    }
    assert manifest["search"] == {"kind": "exact", "items": 52, "depth": 0, "recall_at_10": 1.0, "queries": 0}
    assert np.load(built / "catalogue" / "embeddings.npy").shape == (52, manifest["encoder"]["dimension"])
    assert set(manifest["tools"]) == {"numpy", "onnxruntime", "pillow"}


def test_the_same_files_lie_loose_beside_the_archive(unpacked: Path, packaged: Artifact) -> None:
    base = f"models/{packaged.model_version}/"
    loose = {key.removeprefix(f"{base}files/") for key in stored() if key.startswith(f"{base}files/")}
    assert loose == {file.relative_to(unpacked).as_posix() for file in unpacked.rglob("*") if file.is_file()}
    assert f"{base}thumbnails.zip" in stored()
    manifest = json.loads((unpacked / "manifest.json").read_text())
    assert read_manifest(packaged.uri) == manifest
    assert read_manifest(f"s3://{BUCKET}/{base}files/") == manifest


def test_unchanged_inputs_upload_nothing(plan: RunPlan, catalogue: Path, packaged: Artifact) -> None:
    before = stored()
    again = repackaged(plan, catalogue)
    assert (again.uri, again.model_version, again.uploaded) == (packaged.uri, packaged.model_version, False)
    assert stored() == before


def test_without_the_note_of_the_inputs_the_same_content_is_found_again(
    plan: RunPlan, catalogue: Path, packaged: Artifact
) -> None:
    s3 = boto3.client("s3")
    (note,) = [key for key in stored() if "by-inputs" in key]
    s3.delete_object(Bucket=BUCKET, Key=note)
    before = stored()
    again = repackaged(plan, catalogue)
    assert (again.uri, again.uploaded) == (packaged.uri, False)
    after = stored()
    assert after.pop(note)
    assert after == before


def test_an_artifact_that_was_removed_is_made_again(plan: RunPlan, catalogue: Path, packaged: Artifact) -> None:
    where = S3Location.parse(packaged.uri)
    boto3.client("s3").delete_object(Bucket=where.bucket, Key=where.key)
    again = repackaged(plan, catalogue)
    assert (again.uri, again.uploaded) == (packaged.uri, True)
    assert archives() == [where.key]


def test_one_changed_picture_makes_another_version_and_leaves_the_first(
    plan: RunPlan, catalogue: Path, packaged: Artifact
) -> None:
    put_picture(next(iter(sorted(catalogue.rglob("*.jpg")))), "blue")
    changed = repackaged(plan, catalogue)
    assert changed.model_version != packaged.model_version
    assert changed.uploaded
    assert len(archives()) == 2


def test_a_catalogue_in_s3_makes_the_same_version(plan: RunPlan, catalogue: Path, packaged: Artifact) -> None:
    for file in catalogue.rglob("*.jpg"):
        upload(file.read_bytes(), S3Location(BUCKET, f"pictures/{file.relative_to(catalogue)}"))
    again = package(plan, PackagingInputs(f"s3://{BUCKET}/pictures/"), lambda line: None)
    assert (again.model_version, again.uploaded) == (packaged.model_version, False)


def test_a_damaged_picture_is_listed_in_the_manifest(plan: RunPlan, catalogue: Path) -> None:
    (catalogue / "accessories" / "hat" / "broken.jpg").write_text("not a picture")
    artifact = repackaged(plan, catalogue)
    ((path, reason),) = artifact.skipped
    assert path == "accessories/hat/broken.jpg"
    assert read_manifest(artifact.uri)["catalogue"]["skipped"] == [{"path": path, "reason": reason}]
    assert repackaged(plan, catalogue).skipped == artifact.skipped


def test_other_skipped_pictures_make_another_version(plan: RunPlan, catalogue: Path) -> None:
    hats = catalogue / "accessories" / "hat"
    (hats / "broken.jpg").write_text("not a picture")
    first = repackaged(plan, catalogue)
    (hats / "broken.jpg").rename(hats / "other.jpg")
    second = repackaged(plan, catalogue)
    assert second.uploaded
    assert second.model_version != first.model_version
    for artifact in (first, second):
        listed = read_manifest(artifact.uri)["catalogue"]["skipped"]
        assert [(each["path"], each["reason"]) for each in listed] == list(artifact.skipped)


def test_pictures_of_every_format_are_items(plan: RunPlan, catalogue: Path) -> None:
    for suffix in ("gif", "bmp", "tif", "jfif"):
        put_picture(catalogue / "accessories" / "hat" / f"more.{suffix}")
    assert repackaged(plan, catalogue).items == 17


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("inference.py", "raise RuntimeError('a broken handler')\n", "a broken handler"),
        ("recommender/recommend.py", "import torch_of_the_laptop\n", "torch_of_the_laptop"),
    ],
)
def test_what_cannot_answer_a_question_is_not_uploaded(
    plan: RunPlan,
    catalogue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    text: str,
    complaint: str,
) -> None:
    shutil.copytree(HANDLER, tmp_path / "handler")
    (tmp_path / "handler" / file).write_text(text)
    monkeypatch.setattr("tasks.packaging.inputs.HANDLER", tmp_path / "handler")
    with pytest.raises(ArtifactError, match=rf"could not answer a question, so it was not uploaded[\s\S]*{complaint}"):
        repackaged(plan, catalogue)
    assert stored() == {}


def test_it_is_the_archive_that_is_asked(
    plan: RunPlan, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_the_encoder(stage: Path, archive: Path) -> None:
        shutil.copytree(stage, tmp_path / "partial", ignore=shutil.ignore_patterns("encoder.json"))
        write_tar_gz(tmp_path / "partial", archive)

    monkeypatch.setattr("tasks.packaging.artifact.write_tar_gz", without_the_encoder)
    with pytest.raises(ArtifactError, match=r"so it was not uploaded[\s\S]*encoder\.json"):
        repackaged(plan, catalogue)
    assert stored() == {}


def test_an_artifact_that_is_not_there_has_no_manifest(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=r"models/none/files/manifest\.json does not exist"):
        read_manifest(f"s3://{BUCKET}/models/none/model.tar.gz")


@pytest.mark.parametrize("name", ["metadata", "categories"])
def test_a_named_file_that_is_absent_is_found_out_before_any_call(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"The {name} file .*absent does not exist"):
        check_packagable(PackagingInputs("demo", **{name: str(tmp_path / "absent")}))
