"""Imitates macOS for every process that has this folder on PYTHONPATH: another sys.platform, no /proc, no prctl.

psutil, which has an implementation for each system, keeps Linux's.
"""

import builtins
import ctypes
import io
import os
import sys
import sysconfig

import psutil  # noqa: F401 - it chooses by sys.platform, once

sysconfig.get_config_vars()  # reads a file that is named after the platform, once

ONLY_ON_LINUX = ("prctl", "unshare", "mount", "capset", "capget", "malloc_trim")
_open, _readlink, _cdll_getattr = io.open, os.readlink, ctypes.CDLL.__getattr__


def _refuse(path: object) -> None:
    caller = sys._getframe(2).f_globals.get("__name__", "")
    if str(path).startswith("/proc") and not caller.startswith("psutil"):
        raise FileNotFoundError(2, "No such file or directory", str(path))


def open_elsewhere(file, *arguments, **named):  # type: ignore[no-untyped-def]
    _refuse(file)
    return _open(file, *arguments, **named)


def readlink(path, **named):  # type: ignore[no-untyped-def]
    _refuse(path)
    return _readlink(path, **named)


def function(library, name):  # type: ignore[no-untyped-def]
    if name in ONLY_ON_LINUX:
        raise AttributeError(f"symbol not found: {name}")
    return _cdll_getattr(library, name)


builtins.open = io.open = open_elsewhere
os.readlink = readlink
ctypes.CDLL.__getattr__ = function
if os.environ.get("STYGIG_IMITATED_PLATFORM"):
    sys.platform = os.environ["STYGIG_IMITATED_PLATFORM"]
