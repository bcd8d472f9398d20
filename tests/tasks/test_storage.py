"""Objects, prefixes, and folders that may stand for them."""

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from tasks.errors import InputError, NotFoundError, PermissionDeniedError
from tasks.names import S3Location
from tasks.pictures.local_copy import local_copy
from tasks.plan import RunPlan
from tasks.storage import download, exists, keys_under, upload, upload_file
from tests.tasks.deployed import BUCKET

HERE = S3Location(BUCKET, "a/b.txt")
NOWHERE = S3Location("no-such-bucket", "a/b.txt")


def test_what_was_uploaded_is_there_and_comes_back(plan: RunPlan) -> None:
    assert not exists(HERE)
    assert upload(b"content", HERE, "text/plain") == HERE.uri
    assert exists(HERE)
    assert download(HERE.uri) == b"content"
    assert boto3.client("s3").head_object(Bucket=BUCKET, Key=HERE.key)["ContentType"] == "text/plain"


def test_a_file_is_uploaded_whole(plan: RunPlan, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(9_000_000))  # more than one part
    upload_file(tmp_path / "file", HERE)
    assert len(download(HERE.uri)) == 9_000_000


def test_uploading_to_a_bucket_that_is_not_there_names_it(plan: RunPlan, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    for attempt in (lambda: upload(b"1", NOWHERE), lambda: upload_file(tmp_path / "file", NOWHERE)):
        with pytest.raises(NotFoundError, match=rf"s3:PutObject on {NOWHERE.uri}.*NoSuchBucket"):
            attempt()


def test_a_missing_object_is_named(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=rf"s3:GetObject on {HERE.uri}.*NoSuchKey"):
        download(HERE.uri)


def test_a_refusal_is_not_taken_for_absence(plan: RunPlan, only_allowed: Callable[..., None]) -> None:
    only_allowed("s3:PutObject")
    with pytest.raises(PermissionDeniedError, match=r"s3:ListBucket, without which a missing key answers 403"):
        exists(HERE)


def test_a_denied_file_upload_names_the_action(
    plan: RunPlan, only_allowed: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"1")
    only_allowed("s3:GetObject")
    with pytest.raises(PermissionDeniedError, match=r"Allow s3:PutObject to the caller"):
        upload_file(tmp_path / "file", HERE)


def test_a_listing_goes_on_after_its_first_page(plan: RunPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        upload(b"1", S3Location(BUCKET, f"many/{number}"))
    assert len(boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]) == 2
    assert list(keys_under(S3Location(BUCKET, "many/"))) == [f"many/{number}" for number in range(5)]


def test_a_folder_stands_for_itself(tmp_path: Path) -> None:
    with local_copy(str(tmp_path), (".jpg",)) as folder:
        assert folder == tmp_path


def test_a_prefix_is_copied_with_its_folders_and_without_other_suffixes(plan: RunPlan) -> None:
    for key in ("p/shirt/", "p/shirt/1.jpg", "p/shirt/2.JPG", "p/notes.txt", "p/shirt/3.heic", "p/.a/4", "pants/3.jpg"):
        upload(b"1", S3Location(BUCKET, key))
    told: list[str] = []
    with local_copy(f"s3://{BUCKET}/p", (".jpg",), told.append) as folder:
        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"shirt/1.jpg", "shirt/2.JPG"}
    assert len(told) == 1
    assert told[0].endswith("1 files, 'shirt/3.heic'")
    assert not folder.exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent is not a folder\. Name a folder, or an s3://"):
        with local_copy(str(tmp_path / "absent"), (".jpg",)):
            pass


def test_a_prefix_without_such_files_says_what_was_looked_for(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=rf"Nothing that ends with \.jpg, \.png lies under s3://{BUCKET}/empty/"):
        with local_copy(f"s3://{BUCKET}/empty/", (".jpg", ".png")):
            pass


def test_a_key_that_climbs_out_of_the_folder_is_refused(plan: RunPlan) -> None:
    upload(b"1", S3Location(BUCKET, "p/../../evil.jpg"))
    with pytest.raises(InputError, match=r"'p/\.\./\.\./evil\.jpg' would be written outside"):
        with local_copy(f"s3://{BUCKET}/p/", (".jpg",)):
            pass


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        (("shirt//1.jpg", "shirt/1.jpg"), r"are the same file in a folder\. Rename one"),
        (("shirt.jpg", "shirt.jpg/1.jpg"), r"is a file, and in '.*' a folder\. Rename one"),
    ],
)
def test_keys_that_no_folder_can_hold_side_by_side_are_named(
    plan: RunPlan, keys: tuple[str, ...], complaint: str
) -> None:
    for key in keys:
        upload(b"x", S3Location(BUCKET, f"pictures/{key}"), "image/jpeg")
    with pytest.raises(InputError, match=complaint), local_copy(f"s3://{BUCKET}/pictures/", (".jpg",)):
        pass
