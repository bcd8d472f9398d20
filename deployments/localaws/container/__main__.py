"""The process inside an instance, which loads the model and answers /ping and /invocations.

Run as `python -m localaws.container FD MODEL_DIR`: FD is the inherited descriptor of a listening socket.
LOCALAWS_PING=torchserve makes /ping answer before the model is loaded.
"""

from __future__ import annotations

import ctypes
import os
import signal
import site
import socket
import sys
import threading
from pathlib import Path

from localaws.container import content_types, opt_ml_model
from localaws.container.server import Server

PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def _die_with_parent() -> None:
    """End this process when the embedded AWS ends, even if killed: by the kernel's signal, or at the end of stdin."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


def _obey_read_only_modes() -> None:
    """Drop the capability to write to read-only files, which root has: on AWS even root cannot change the model data.

    Other users may have it from the user namespace of their own mounts. Child processes lose it, too.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # The kernel's layout: effective, permitted and inheritable capabilities, the lower 32 of each, then the upper.
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget(header, sets) == 0:
        for index in range(3):
            sets[index] &= ~(1 << CAP_DAC_OVERRIDE)
        libc.capset(header, sets)


def _hide_source_trees(code_dir: str) -> None:
    """Keep the archive's code and installed packages importable, but nothing of the caller's own source tree."""
    packages = site.getsitepackages()
    installed = (sys.base_prefix, sys.prefix, *packages)
    own = {str(Path(__file__).resolve().parents[2])} - set(packages)  # a wheel installs this package among them
    sys.path[:] = [
        path for path in sys.path if path == code_dir or (path not in own and path.startswith(installed) and path)
    ]


def main() -> None:
    """Serve until the instance ends this process."""
    descriptor, model_dir = int(sys.argv[1]), sys.argv[2]
    not_mounted = opt_ml_model.mount(model_dir)  # before the first thread and the parent-death signal: see there
    _die_with_parent()
    _obey_read_only_modes()
    _hide_source_trees(os.path.join(model_dir, "code"))
    content_types.stand_in()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    honest = os.environ.get("LOCALAWS_PING") != "torchserve"
    server = Server(socket.socket(fileno=descriptor), model_dir, honest, not_mounted)
    # model_fn runs on the main thread: Python sets signal handlers only there, and some libraries insist on it.
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.load()
    threading.Event().wait()


if __name__ == "__main__":
    main()
