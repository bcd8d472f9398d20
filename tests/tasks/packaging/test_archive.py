"""Archives whose bytes depend on names and content alone, and unpacking that can't be tricked."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from tasks.packaging.archive import content_hash, file_hashes, unpack_tar_gz, write_tar_gz

FILES = {"manifest.json": b"{}", "code/inference.py": b"pass\n", "code/a/b.py": b"", "catalogue/é.bin": bytes(100_000)}


def laid_out(folder: Path, names: list[str] | None = None) -> Path:
    for name in names or list(FILES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    return folder


def packed(folder: Path) -> bytes:
    archive = folder.with_suffix(".tar.gz")
    write_tar_gz(folder, archive)
    return archive.read_bytes()


def tar_with(*members: tarfile.TarInfo, at: Path) -> Path:
    with tarfile.open(at, "w:gz") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return at


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_the_same_files_make_the_same_bytes_whenever_and_by_whomever(tmp_path: Path) -> None:
    first = packed(laid_out(tmp_path / "first"))
    before = os.umask(0o077)
    try:
        second = laid_out(tmp_path / "second", list(reversed(FILES)))
    finally:
        os.umask(before)
    for number, file in enumerate(second.rglob("*")):
        os.utime(file, (number, number))
    (second / "code" / "inference.py").chmod(0o755)
    assert packed(second) == first


def test_another_name_or_content_makes_other_bytes(tmp_path: Path) -> None:
    first = packed(laid_out(tmp_path / "first"))
    renamed = laid_out(tmp_path / "renamed")
    (renamed / "manifest.json").rename(renamed / "manifest2.json")
    changed = laid_out(tmp_path / "changed")
    (changed / "manifest.json").write_bytes(b"[]")
    assert len({first, packed(renamed), packed(changed)}) == 3


def test_an_archive_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    content = packed(laid_out(tmp_path / "first"))
    assert content[4:8] == bytes(4)  # gzip's own timestamp
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for each in tar.getmembers():
            assert (each.mtime, each.uid, each.gid, each.uname, each.gname, each.mode) == (0, 0, 0, "", "", 0o644)


def test_unpacking_gives_the_files_back(tmp_path: Path) -> None:
    packed(laid_out(tmp_path / "first"))
    unpack_tar_gz(tmp_path / "first.tar.gz", tmp_path / "second")
    found = {f.relative_to(tmp_path / "second").as_posix(): f.read_bytes() for f in file_list(tmp_path / "second")}
    assert found == FILES


def file_list(folder: Path) -> list[Path]:
    return [f for f in folder.rglob("*") if f.is_file()]


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("code/../../outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.SYMTYPE, "../outside"),
        member("link", tarfile.LNKTYPE, "../outside"),
        member("fifo", tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
    ],
    ids=lambda bad: f"{bad.type.decode()}-{bad.name}",
)
def test_unpacking_refuses_what_would_land_outside_or_is_no_file(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    archive = tar_with(member("good"), bad, at=tmp_path / "bad.tar.gz")
    with pytest.raises(tarfile.FilterError):
        unpack_tar_gz(archive, tmp_path / "inside")
    assert not (tmp_path / "outside").exists()


def test_an_absolute_name_lands_inside(tmp_path: Path) -> None:
    unpack_tar_gz(tar_with(member("/absolute"), at=tmp_path / "a.tar.gz"), tmp_path / "inside")
    assert (tmp_path / "inside" / "absolute").is_file()


def test_hashes_are_those_of_the_content_sorted_by_name(tmp_path: Path) -> None:
    found = file_hashes(laid_out(tmp_path))
    assert found == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert list(found) == sorted(found)


def test_the_content_hash_depends_on_names_and_contents_but_not_on_their_order() -> None:
    hashes = {"a": "1", "b": "2"}
    assert content_hash(hashes) == content_hash({"b": "2", "a": "1"})
    assert len({content_hash(h) for h in (hashes, {"a": "2", "b": "1"}, {"a": "1", "c": "2"}, {"a": "1"})}) == 4
