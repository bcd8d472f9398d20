"""Built files that are kept for the next bucket: the same artifact without encoding, and never a damaged one."""

import os
from pathlib import Path

import boto3
import pytest

from tasks.packaging import kept
from tasks.packaging.artifact import Artifact, package
from tasks.packaging.inputs import PackagingInputs
from tasks.plan import RunPlan
from tasks.scratch import PREFIX
from tests.tasks.deployed import BUCKET


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "stygig" / "artifacts"


def objects() -> dict[str, str]:
    """The key and the hash of every object in the bucket."""
    listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return {item["Key"]: item["ETag"] for item in listed if "footprint" not in item["Key"]}


def packaged(plan: RunPlan, catalogue: Path) -> tuple[Artifact, list[str]]:
    """The artifact, and the lines of packaging."""
    lines: list[str] = []
    return package(plan, PackagingInputs(str(catalogue)), lines.append), lines


def packaged_for_an_empty_bucket(plan: RunPlan, catalogue: Path) -> tuple[Artifact, list[str]]:
    s3 = boto3.client("s3")
    for key in objects():
        s3.delete_object(Bucket=BUCKET, Key=key)
    return packaged(plan, catalogue)


def test_an_empty_bucket_gets_the_same_artifact_without_encoding(plan: RunPlan, catalogue: Path) -> None:
    first, said = packaged(plan, catalogue)
    before = objects()
    again, said_again = packaged_for_an_empty_bucket(plan, catalogue)
    assert again == first
    assert objects() == before
    assert any(line.startswith("encoded") for line in said)
    assert not any(line.startswith("encoded") for line in said_again)
    assert any(line.startswith("verified") for line in said_again)


def test_a_changed_catalogue_is_built_anew(plan: RunPlan, catalogue: Path, cache: Path) -> None:
    first, _ = packaged(plan, catalogue)
    next(catalogue.rglob("*.jpg")).unlink()
    again, said = packaged(plan, catalogue)
    assert again.model_version != first.model_version
    assert any(line.startswith("encoded") for line in said)
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize(
    ("damaged", "content"),
    [
        ("stage/catalogue/embeddings.npy", b"cut"),
        ("stage/manifest.json", b"{}"),
        ("thumbnails.zip", b""),
        ("sha256", b"cut"),
        ("stage/manifest.json", b"[]"),
        ("stage/manifest.json", b"\xff"),
        ("stage/code/more.py", b"import os"),
        ("thumbnails.zip", None),
        ("stage/manifest.json", None),
    ],
)
def test_damaged_files_are_built_anew(
    plan: RunPlan, catalogue: Path, cache: Path, damaged: str, content: bytes | None
) -> None:
    first, _ = packaged(plan, catalogue)
    before = objects()
    (held,) = cache.iterdir()
    if content is None:
        (held / damaged).unlink()
    else:
        (held / damaged).write_bytes(content)
    again, said = packaged_for_an_empty_bucket(plan, catalogue)
    assert again == first
    assert objects() == before
    assert any(line.startswith("built anew") for line in said)
    third, said = packaged_for_an_empty_bucket(plan, catalogue)
    assert third == first
    assert any(line.startswith("built on this machine before") for line in said)


def test_a_change_of_the_code_that_builds_builds_anew(
    plan: RunPlan, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged(plan, catalogue)
    monkeypatch.setattr(kept, "BUILDERS", ("packaging",))  # as other code would: another key
    _, said = packaged_for_an_empty_bucket(plan, catalogue)
    assert any(line.startswith("encoded") for line in said)


def test_a_catalogue_that_changes_meanwhile_is_not_kept(plan: RunPlan, catalogue: Path, cache: Path) -> None:
    pictures = sorted(catalogue.rglob("*.jpg"))

    def change(line: str) -> None:
        if line.startswith("encoded"):
            pictures[-1].write_bytes(pictures[0].read_bytes())

    package(plan, PackagingInputs(str(catalogue)), change)
    assert not list(cache.glob("*"))
    assert not [key for key in objects() if "by-inputs" in key]


def test_a_taken_artifact_counts_as_new(plan: RunPlan, catalogue: Path, cache: Path) -> None:
    packaged(plan, catalogue)
    (held,) = cache.iterdir()
    os.utime(held, (1, 1))
    packaged_for_an_empty_bucket(plan, catalogue)
    assert held.stat().st_mtime > 1


def test_a_read_only_entry_that_is_damaged_fails_nothing(plan: RunPlan, catalogue: Path, cache: Path) -> None:
    first, _ = packaged(plan, catalogue)
    (held,) = cache.iterdir()
    (held / "stage" / "manifest.json").write_text("cut")
    for path in (held, *held.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    again, _ = packaged_for_an_empty_bucket(plan, catalogue)
    assert again == first


def test_the_newest_stay_as_long_as_there_is_room(
    plan: RunPlan, catalogue: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged(plan, catalogue)
    (oldest,) = cache.iterdir()
    size = sum(path.stat().st_size for path in oldest.rglob("*") if path.is_file())
    monkeypatch.setattr(kept, "KEPT_BYTES", int(2.5 * size))
    os.utime(oldest, (1, 1))
    another = cache / f"{PREFIX}keep-of-another-run"
    another.mkdir()
    for _ in range(2):
        next(catalogue.rglob("*.jpg")).unlink()
        packaged(plan, catalogue)
    assert not oldest.exists()
    assert another.exists()
    assert len([path for path in cache.iterdir() if path != another]) == 2
    monkeypatch.setattr(kept, "KEPT_BYTES", size // 2)
    next(catalogue.rglob("*.jpg")).unlink()
    packaged(plan, catalogue)  # larger than all that may be kept: what is there stays
    assert len([path for path in cache.iterdir() if path != another]) == 2


def test_the_disks_last_room_is_left_to_others(
    plan: RunPlan, catalogue: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "SPARE_BYTES", 1 << 60)
    _, said = packaged(plan, catalogue)
    assert not list(cache.iterdir())
    assert any(line.startswith("not kept for the next time: little room") for line in said)


def test_a_cache_that_takes_nothing_costs_only_the_time(
    plan: RunPlan, catalogue: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file, where the folder should be")
    first, said = packaged(plan, catalogue)
    assert first.uploaded
    assert any(line.startswith("not kept for the next time") for line in said)
