from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from localaws.sagemaker.instances.artifact import ModelDataError, remove_model_data, unpack


def tar(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info


@pytest.mark.parametrize(
    "bad",
    [
        member("../out"),
        member("/etc/out"),
        member("a/../../out"),
        member("link", tarfile.SYMTYPE, target="/etc/passwd"),
        member("hard", tarfile.LNKTYPE, target="a"),
        member("pipe", tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
    ],
    ids=lambda info: info.name,
)
def test_what_could_leave_the_folder_is_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(ModelDataError, match="The model data"):
        unpack(tar(tmp_path / "a.tar.gz", member("fine", size=3), bad), folder)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == []


def test_an_archive_that_is_too_large_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(ModelDataError, match="larger than 100 bytes"):
        unpack(tar(tmp_path / "a.tar.gz", member("a", size=60), member("b", size=60)), folder, max_bytes=100)


def test_a_damaged_archive_is_refused_even_if_its_files_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    archive = tar(tmp_path / "a.tar.gz", member("a", size=3))
    content = archive.read_bytes()
    archive.write_bytes(content[:-8] + bytes(4) + content[-4:])
    with pytest.raises(OSError, match="CRC check failed"):
        unpack(archive, folder)


def test_the_same_file_twice_is_refused_rather_than_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    with pytest.raises(FileExistsError):
        unpack(tar(tmp_path / "a.tar.gz", member("a", size=1), member("a", size=2)), folder)


def test_folders_and_files_are_unpacked_and_can_be_removed_when_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    unpack(tar(tmp_path / "a.tar.gz", member("./code", tarfile.DIRTYPE), member("code/x.py", size=4)), folder)
    assert (folder / "code" / "x.py").stat().st_size == 4
    os.chmod(folder / "code", 0o555)
    remove_model_data(folder)
    assert not folder.exists()
