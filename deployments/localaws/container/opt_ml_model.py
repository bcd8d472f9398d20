"""/opt/ml/model, where AWS puts the model data: here a mount that only one worker and its children see.

Workers share this machine's files, so each needs a mount namespace of its own. Linux gives one to root, and to
others where unprivileged user namespaces are allowed. The mounts end with the last process that sees them. This
module imports nothing of the package: the launcher of TorchServe loads it as a file in another Python, too.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

MODEL_PATH = "/opt/ml/model"
SWITCH = "LOCALAWS_OPT_ML_MODEL"
# The prefix of a line in the container's log that goes into the endpoint's FailureReason as well.
NOTE = "localaws: "
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_SLAVE, MS_RELATIME = 1, 32, 4096, 8192, 16384, 1 << 19, 1 << 21
# Flags of inherited mounts that a user namespace must keep: nosuid, nodev, noexec, noatime, nodiratime.
_KEPT = 2 | 4 | 8 | 1024 | 2048
_ST_RELATIME = 4096


def mount(model_dir: str) -> str | None:
    """Mount the folder, read-only, at /opt/ml/model for this process; return the reason if that is impossible.

    Call it before the process has a second thread, because Linux refuses it then, and before the process asks for a
    signal at its parent's death, because Linux forgets that when the process's rights change.
    """
    if os.environ.get(SWITCH) == "off":
        return "it was switched off"
    if sys.platform != "linux":
        return "only Linux gives a process mounts of its own"
    try:
        _leave_the_mounts_of_others()
        _make_folder(Path(MODEL_PATH), Path(model_dir).parent)
        _mount(model_dir, MODEL_PATH, MS_BIND)
        # Linux ignores MS_RDONLY when a bind mount is made; only a remount sets it.
        _mount(None, MODEL_PATH, MS_REMOUNT | MS_BIND | MS_RDONLY | _kept_flags(MODEL_PATH))
    except OSError as exc:
        return str(exc)
    return None


def note(text: str, model_dir: str, why_not: str | None) -> str | None:
    """The explanation of an error that is due to the missing /opt/ml/model; None for other errors."""
    if why_not is None or not (MODEL_PATH in text or _is_vain_import(text)):
        return None
    return (
        f"{NOTE}The handler names {MODEL_PATH}, where AWS has the model data. Here they are at {model_dir}, which "
        f"model_fn is told, and not at that path: a worker could not be given mounts of its own ({why_not})."
    )


def _is_vain_import(text: str) -> bool:
    """True if an import has failed that also searched below /opt/ml/model, which its error does not mention."""
    looked = any(f"{path}/".startswith(f"{MODEL_PATH}/") for path in sys.path)
    return looked and ("ModuleNotFoundError" in text or "ImportError" in text)


def _leave_the_mounts_of_others() -> None:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _unshare(CLONE_NEWNS)
    else:
        _unshare(CLONE_NEWNS | CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")  # without it Linux refuses the gid_map of an unprivileged user
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    # Mounts made from here on are not seen outside, while mounting and unmounting outside is seen here.
    _mount(None, "/", MS_SLAVE | MS_REC)


def _make_folder(folder: Path, scratch: Path) -> None:
    """Make the folder exist for this process, without changing the machine's own files."""
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
    """Make a file, folder or link available at another place as well; an interpreter may lie there."""
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
    # mount(2) takes an unsigned long, while ctypes passes an int by default.
    if libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]) != 0:
        raise OSError(ctypes.get_errno(), f"mount at {target}: {os.strerror(ctypes.get_errno())}")
