"""Requests from a folder: each file as it is, with what its suffix or requests.csv says of it."""

from pathlib import Path

import boto3
import pytest

from localaws import LocalAws
from tasks.errors import InputError, NotFoundError
from tasks.exchange.sources import kind_for, read_requests, to_compare


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bodies of several kinds, at several depths."""
    for name, body in {"a.json": b"{}", "deep/b.csv": b"1,2", "c.npy": b"x", "d.weird": b"y", "e.png": b"png"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    (tmp_path / ".hidden").write_text("not sent")
    return tmp_path


def test_the_content_type_follows_from_the_suffix(folder: Path) -> None:
    found = {each.name: (each.content_type, each.body, each.picture) for each in read_requests(str(folder), 0, 1)}
    assert found == {
        "a.json": ("application/json", b"{}", b""),
        "c.npy": ("application/x-npy", b"x", b""),
        "d.weird": ("application/octet-stream", b"y", b""),
        "deep/b.csv": ("text/csv", b"1,2", b""),
        "e.png": ("image/png", b"png", b"png"),
    }


def test_a_list_says_more_of_some(folder: Path) -> None:
    (folder / "requests.csv").write_text(
        "file,content_type,accept,custom_attributes,expect\n"
        "d.weird,application/x-weird,text/plain,trace=1,\na.json,,,,refused\n"
    )
    *others, last = read_requests(str(folder), 2, 1)
    assert (last.name, last.expect) == ("a.json", "refused")
    assert len(others) == 2 == len(to_compare([*others, last])), "one that must fail comes on top"
    weird = next(each for each in read_requests(str(folder), 0, 1) if each.name == "d.weird")
    assert (weird.content_type, weird.accept, weird.custom_attributes) == (
        "application/x-weird",
        "text/plain",
        "trace=1",
    )


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("file\nabsent.json\n", "1 files that are not in"),
        ("file,expect\na.json,maybe\n", "expect is 'maybe'"),
        ("file\na.json\na.json\n", "listed twice"),
        ("name\na.json\n", "needs a header with the columns file"),
        ("file\na.json\n./a.json\n", "listed twice"),
        ("file,expected\na.json,refused\n", r"has the columns \['expected'\]; known are file, content_type"),
        ("file,custom_attributes\na.json,größe\n", "custom_attributes is 'größe'; SageMaker takes"),
        (f"file,accept\na.json,{'x' * 1025}\n", "accept is 'xxx"),
    ],
)
def test_an_odd_list_is_refused(folder: Path, listed: str, told: str) -> None:
    (folder / "requests.csv").write_text(listed)
    with pytest.raises(InputError, match=told):
        read_requests(str(folder), 0, 1)


def test_a_list_may_name_its_files_as_a_shell_does_and_a_nested_list_is_a_body(folder: Path) -> None:
    (folder / "requests.csv").write_text("file,expect\n./a.json,Refused\n")
    (folder / "inner").mkdir()
    (folder / "inner" / "requests.csv").write_text("1,2\n")
    found = {each.name: each for each in read_requests(str(folder), 0, 1)}
    assert found["a.json"].refused
    assert found["inner/requests.csv"].content_type == "text/csv"


def test_too_few_too_large_and_absent_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"Found 5 requests .* at least 20"):
        read_requests(str(folder), 0, 20)
    with pytest.raises(NotFoundError):
        read_requests(str(folder / "absent"), 0, 1)
    (folder / "large.bin").write_bytes(bytes(7_000_000))
    with pytest.raises(InputError, match=r"large\.bin has 7\.0 MB: InvokeEndpoint"):
        read_requests(str(folder), 0, 1)


def test_a_prefix_in_s3_is_read_like_a_folder(folder: Path, local_aws: LocalAws) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="stygig-test")
    for file in (path for path in folder.rglob("*") if path.is_file()):
        s3.upload_file(str(file), "stygig-test", f"requests/{file.relative_to(folder)}")
    assert read_requests("s3://stygig-test/requests/", 0, 1) == read_requests(str(folder), 0, 1)


def test_pictures_are_answered_with_recommendations_and_requests_by_their_content_type() -> None:
    assert kind_for("auto", "") == "recommendations"
    assert kind_for("auto", "/requests") == "auto"
    assert kind_for("json", "") == "json"
