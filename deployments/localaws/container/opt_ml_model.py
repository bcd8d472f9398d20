"""/opt/ml/model, where AWS puts the model data: here a mount which only one worker and its children see.

Workers share this machine's files, so that each needs a mount namespace of its own. Linux gives one to root, and to
others where unprivileged user namespaces are allowed. The mounts end with the last process that sees them. It imports
nothing of this package: another Python's TorchServe runs it as a file, too.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

MODEL_PATH = "/opt/ml/model"
SWITCH = "LOCALAWS_OPT_ML_MODEL"
# What begins a line of the container's log that is to be in the endpoint's FailureReason as well.
NOTE = "localaws: "
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_SLAVE, MS_RELATIME = 1, 32, 4096, 8192, 16384, 1 << 19, 1 << 21
# What a mount has of these, who did not make it may not take away: nosuid, nodev, noexec, noatime, nodiratime.
_KEPT = 2 | 4 | 8 | 1024 | 2048
_ST_RELATIME = 4096


def mount(model_dir: str) -> str | None:
    """Puts the folder, read-only, at /opt/ml/model for this process; why not, where that cannot be.

    To be called before the process has a second thread, which Linux refuses, and before it asks for a signal at its
    parent's end, which is forgotten when its rights change.
    """
    if os.environ.get(SWITCH) == "off":
        return "it was switched off"
    if sys.platform != "linux":
        return "only Linux gives a process mounts of its own"
    try:
        _leave_the_mounts_of_others()
        _make_folder(Path(MODEL_PATH), Path(model_dir).parent)
        _mount(model_dir, MODEL_PATH, MS_BIND)
        _mount(None, MODEL_PATH, MS_REMOUNT | MS_BIND | MS_RDONLY | _kept_flags(MODEL_PATH))
    except OSError as exc:
        return str(exc)
    return None


def note(text: str, model_dir: str, why_not: str | None) -> str | None:
    """What is to be said of an error that /opt/ml/model is behind, where nothing is at that place."""
    if why_not is None or not (MODEL_PATH in text or _is_vain_import(text)):
        return None
    return (
        f"{NOTE}The handler names {MODEL_PATH}, where AWS has the model data. Here they are at {model_dir}, which "
        f"model_fn is told, and not at that path: a worker could not be given mounts of its own ({why_not})."
    )


def _is_vain_import(text: str) -> bool:
    """Whether an import has failed that also looked below /opt/ml/model, of which its error says nothing."""
    looked = any(f"{path}/".startswith(f"{MODEL_PATH}/") for path in sys.path)
    return looked and ("ModuleNotFoundError" in text or "ImportError" in text)


def _leave_the_mounts_of_others() -> None:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _unshare(CLONE_NEWNS)
    else:
        _unshare(CLONE_NEWNS | CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    # Nothing mounted from here on is seen outside, while what is mounted or unmounted outside is seen here.
    _mount(None, "/", MS_SLAVE | MS_REC)


def _make_folder(folder: Path, scratch: Path) -> None:
    """Makes the folder appear, leaving the machine's own files alone."""
    if folder.is_dir():
        return
    there = next(parent for parent in folder.parents if parent.is_dir())
    if there == Path("/"):
        raise OSError(f"there is no {folder.parents[1]}")
    stage = scratch / "opt-ml"
    stage.mkdir(exist_ok=True)
    _mount("tmpfs", str(stage), 0, "tmpfs", "mode=755")
    for child in there.iterdir():
        _mirror(child, stage / child.name)
    (stage / folder.relative_to(there)).mkdir(parents=True)
    _mount(str(stage), str(there), MS_MOVE)
    stage.rmdir()


def _mirror(original: Path, copy: Path) -> None:
    """Has a file, folder or link of the machine also at another place; an interpreter may lie there."""
    if original.is_symlink():
        copy.symlink_to(original.readlink())
        return
    if original.is_dir():
        copy.mkdir()
    else:
        copy.touch()
    _mount(str(original), str(copy), MS_BIND | MS_REC)


def _kept_flags(path: str) -> int:
    found = os.statvfs(path).f_flag
    return found & _KEPT | (MS_RELATIME if found & _ST_RELATIME else 0)


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), f"unshare: {os.strerror(ctypes.get_errno())}")


def _mount(source: str | None, target: str, flags: int, kind: str | None = None, options: str | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    texts = [text.encode() if text is not None else None for text in (source, target, kind, options)]
    if libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]) != 0:
        raise OSError(ctypes.get_errno(), f"mount at {target}: {os.strerror(ctypes.get_errno())}")
