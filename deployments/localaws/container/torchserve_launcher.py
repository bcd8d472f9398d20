"""The launcher of AWS's real PyTorch stack: TorchServe and the SageMaker toolkits, kept to loopback.

Run as `PYTHON torchserve_launcher.py FD MODEL_DIR` by the Python of an environment that has them; of the modules
beside this file it loads only opt_ml_model. FD is the descriptor of a listening socket, which gives the port.
TorchServe binds ports itself, so the socket is closed first.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

OTHER_PORTS = ("metrics_address", "grpc_inference_port", "grpc_management_port")


def main() -> None:
    """Serve until the instance, or the embedded AWS, ends."""
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        port: int = listening.getsockname()[1]
    base = Path(sys.argv[2]).parent
    if (why_not := _beside("opt_ml_model").mount(sys.argv[2])) is not None:
        print("there is no /opt/ml/model:", why_not, flush=True)  # noqa: T201
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run = base / "run"
    run.mkdir(exist_ok=True)
    os.chdir(run)
    _set_environment(base, port)
    _keep_to_ourselves(importlib.import_module("sagemaker_pytorch_serving_container.torchserve"), run)
    importlib.import_module("sagemaker_pytorch_serving_container.serving").main()


def _beside(name: str) -> Any:
    """Load a module from this file's folder, which is not on sys.path because of the names of the others in it."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _end_with_parent() -> None:
    """End the whole process group, with the Java process and its workers, once the embedded AWS is gone."""
    while os.read(0, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _set_environment(base: Path, port: int) -> None:
    temporary = _short_path(base, port)
    os.environ.pop("VIRTUAL_ENV", None)  # names the environment of the embedded AWS, not this one
    os.environ.update(
        SAGEMAKER_BASE_DIR=str(base),
        SAGEMAKER_BIND_TO_PORT=str(port),
        PYTHONPATH=str(base / "model" / "code"),
        # The toolkit starts `torchserve` by its name.
        PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", os.defpath),
        TMPDIR=temporary,
        TEMP=temporary,
    )
    os.environ.setdefault("SAGEMAKER_PROGRAM", "inference.py")
    # Without it TorchServe starts a worker, with a copy of the model, for each core of this machine.
    os.environ.setdefault("SAGEMAKER_MODEL_SERVER_WORKERS", "1")


def _short_path(base: Path, port: int) -> str:
    """A link to the temporary folder, short enough for the Unix sockets in it: Linux allows paths of 107 characters."""
    link = base.parent / f"t{port}"
    link.unlink(missing_ok=True)
    link.symlink_to(base / "tmp")
    return str(link)


def _keep_to_ourselves(toolkit: Any, run: Path) -> None:
    """Keep the toolkit, which expects a machine of its own, off /etc, other interfaces and ports in use."""
    write_file = toolkit.utils.write_file

    def write_properties(path: str, text: str, mode: str = "w") -> None:
        write_file(path, text.replace("http://0.0.0.0", "http://127.0.0.1") + _own_ports(), mode)

    # The toolkit's own function searches all processes of the machine, and refuses several servers.
    def own_server_process() -> Any:
        for process in toolkit.psutil.Process().children(recursive=True):
            if toolkit.TS_NAMESPACE in process.cmdline():
                return process
        raise RuntimeError("TorchServe has not started yet")

    toolkit.TS_CONFIG_FILE = str(run / "sagemaker-ts.properties")  # by default in /etc
    toolkit.utils.write_file = write_properties
    toolkit._retrieve_ts_server_process = toolkit.retry(stop_max_delay=60_000, wait_fixed=200)(own_server_process)
    toolkit.model_server._install_requirements = _skip_requirements


def _own_ports() -> str:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in OTHER_PORTS]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    metrics, *grpc = zip(OTHER_PORTS, ports, strict=True)
    lines = [f"{metrics[0]}=http://127.0.0.1:{metrics[1]}", *(f"{name}={number}" for name, number in grpc)]
    return "\n" + "\n".join(lines) + "\n"


def _skip_requirements() -> None:
    print("code/requirements.txt is not installed: install it into", sys.prefix, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
