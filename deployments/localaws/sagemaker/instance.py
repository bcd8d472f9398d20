"""An instance: a folder with the model data and a supervised worker process."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localaws.sagemaker.artifact import ModelDataError, place_model_data, remove_model_data
from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.resources import Model
from localaws.sagemaker.worker_process import ContainerResponse, WorkerGoneError, WorkerProcess
from localaws.services.moto_services import MotoServices

PACKAGE_PARENT = Path(__file__).resolve().parents[2]
DEFAULT_STARTUP_SECONDS = 480
PING_TIMEOUT_SECONDS = 2.0
PING_EVERY_REAL_SECONDS = 0.05
RESTART_FIRST_SECONDS = 1.0
RESTART_LONGEST_SECONDS = 60.0
RESTART_LEAST_REAL_SECONDS = 0.1
TERMINATION_GRACE_SECONDS = 30.0


class Instance:
    """One instance of a variant. `healthy`, `failure` and `in_flight` are guarded by the hosting's lock."""

    def __init__(
        self,
        hosting: Hosting,
        region: str,
        endpoint: str,
        variant: dict[str, Any],
        model: Model,
        on_healthy: Callable[[], None],
    ) -> None:
        self.id = f"i-{secrets.token_hex(8)}0"
        self.healthy = False
        self.failure: str | None = None
        self.in_flight = 0
        self.settled = threading.Event()
        self.log_group = f"/aws/sagemaker/Endpoints/{endpoint}"
        self.log_stream = f"{variant['VariantName']}/{self.id}"
        self._hosting = hosting
        self._services = MotoServices(region)
        self._region = region
        self._endpoint = endpoint
        self._container = model.container
        self._on_healthy = on_healthy
        self._startup_seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", DEFAULT_STARTUP_SECONDS)
        self._home = hosting.run_directory / f"{endpoint}-{self.id}"
        self._worker: WorkerProcess | None = None
        self._stopping = threading.Event()
        self._gone = threading.Event()

    def start(self) -> None:
        """Begins to launch; `settled` is set once it is healthy or has failed."""
        self._hosting.threads.spawn(f"instance-{self.id}", self._run)

    @property
    def worker_pid(self) -> int | None:
        """The worker's process identifier, if one runs."""
        worker = self._worker
        return worker.pid if worker is not None and worker.alive() else None

    def invoke(self, body: bytes, headers: dict[str, str], timeout: float) -> ContainerResponse:
        """Sends one invocation to the worker."""
        worker = self._worker
        if worker is None:
            raise WorkerGoneError("the worker is being restarted")
        return worker.invoke(body, headers, timeout)

    @property
    def variant_name(self) -> str:
        """The variant it belongs to."""
        return self.log_stream.split("/")[0]

    def worker_died(self) -> ContainerResponse:
        """What the model server in AWS's image answers for a worker that died in the middle of a request."""
        body = {"code": 500, "type": "InternalServerException", "message": "Worker died."}
        text = json.dumps(body, indent=2) + "\n"
        return ContainerResponse(500, {"content-type": "application/json"}, text.encode())

    def terminate(self) -> None:
        """Asks the worker to end."""
        self._stopping.set()
        with self._hosting.lock:
            self.healthy = False
            worker = self._worker
        if worker is not None:
            worker.terminate()

    def stop(self) -> None:
        """Ends the worker, at first gently, and removes the folder; blocks until both are gone."""
        self.terminate()
        if not self._gone.wait(self._hosting.clock.real_seconds(TERMINATION_GRACE_SECONDS)):
            self.kill()
            self._gone.wait()

    def kill(self) -> None:
        """Ends the worker at once."""
        self._stopping.set()
        worker = self._worker
        if worker is not None:
            worker.kill()

    def wait_gone(self, deadline: float) -> None:
        """Waits until the worker and the folder are gone; the deadline is one of time.monotonic."""
        self._gone.wait(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        try:
            self._home.mkdir(parents=True)
            place_model_data(self._container, self._services, self._home / "model")
            self._supervise()
        except ModelDataError as exc:
            self._fail(str(exc))
        finally:
            if self._home.exists():
                remove_model_data(self._home)
            self._gone.set()
            self.settled.set()

    def _supervise(self) -> None:
        clock = self._hosting.clock
        deadline = clock.now() + self._startup_seconds
        pause = RESTART_FIRST_SECONDS
        while not self._stopping.is_set():
            worker = self._launch()
            if self._await_ping(worker, deadline):
                pause = RESTART_FIRST_SECONDS
                self._become_healthy(worker)
            elif clock.now() >= deadline and not self.settled.is_set():
                worker.kill()
                worker.wait()
                self._fail_ping()
                return
            status = worker.wait()
            worker.kill()
            self._become_unhealthy(status)
            if self.settled.is_set():
                deadline = clock.now() + self._startup_seconds
            self._stopping.wait(max(clock.real_seconds(pause), RESTART_LEAST_REAL_SECONDS))
            pause = min(pause * 2, RESTART_LONGEST_SECONDS)

    def _launch(self) -> WorkerProcess:
        environment = self._environment()
        worker = self._hosting.spawner.call(lambda: WorkerProcess(self._home, environment, self._log))
        self._hosting.threads.spawn(f"output-{self.id}", worker.pump_output)
        self._worker = worker
        self._record("instance.started", pid=worker.pid)
        if self._stopping.is_set():
            worker.kill()
        return worker

    def _await_ping(self, worker: WorkerProcess, deadline: float) -> bool:
        clock = self._hosting.clock
        while worker.alive() and not self._stopping.is_set():
            if worker.ping(PING_TIMEOUT_SECONDS):
                return True
            if clock.now() >= deadline:
                worker.kill()
                return False
            self._stopping.wait(PING_EVERY_REAL_SECONDS)
        return False

    def _become_healthy(self, worker: WorkerProcess) -> None:
        with self._hosting.lock:
            self.healthy = not self._stopping.is_set()
        self._record("instance.healthy", pid=worker.pid)
        self.settled.set()
        self._on_healthy()

    def _become_unhealthy(self, status: int) -> None:
        with self._hosting.lock:
            self.healthy = False
        self._record("instance.ended" if self._stopping.is_set() else "instance.crashed", status=status)

    def _fail_ping(self) -> None:
        self._fail(
            f"The primary container for production variant {self.variant_name} did not pass the ping "
            "health check. Please check CloudWatch logs for this endpoint."
        )

    def _fail(self, reason: str) -> None:
        with self._hosting.lock:
            self.failure = reason
        self._record("instance.failed", reason=reason)

    def _environment(self) -> dict[str, str]:
        code = self._home / "model" / "code"
        temporary = self._home / "tmp"
        temporary.mkdir(exist_ok=True)
        return {
            **self._hosting.worker_environment(self._region),
            "SAGEMAKER_REGION": self._region,
            "SAGEMAKER_BIND_TO_PORT": "8080",
            **self._container.get("Environment", {}),
            "SAGEMAKER_BASE_DIR": str(self._home),
            "TMPDIR": str(temporary),
            "PYTHONPATH": f"{code}:{PACKAGE_PARENT}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _log(self, lines: list[str]) -> None:
        self._services.log(self.log_group, self.log_stream, lines)

    def _record(self, event: str, **fields: Any) -> None:
        self._hosting.journal.record(event, endpoint=self._endpoint, instance=self.id, **fields)
