"""An instance: a folder with the model data and a supervised worker process."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from localaws.access.execution_role import container_credentials, services_as
from localaws.container import opt_ml_model
from localaws.sagemaker import fault_effects
from localaws.sagemaker.data_plane import wording
from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.instances.artifact import ModelDataError, place_model_data, remove_model_data
from localaws.sagemaker.instances.liveness import PING_TIMEOUT_REAL_SECONDS, Liveness
from localaws.sagemaker.instances.start_up import StartUp, startup_seconds
from localaws.sagemaker.instances.worker_environment import worker_environment
from localaws.sagemaker.instances.worker_process import (
    ContainerResponse,
    InstanceLostError,
    WorkerGoneError,
    WorkerProcess,
)
from localaws.sagemaker.resources import Model
from localaws.services.moto_services import ImageForbiddenError

PING_EVERY_REAL_SECONDS = 0.05
RESTART_FIRST_SECONDS, RESTART_LONGEST_SECONDS, RESTART_LEAST_REAL_SECONDS = 1.0, 60.0, 0.1
TERMINATION_GRACE_SECONDS = 30.0  # AWS's between SIGTERM and SIGKILL
# Only a process that the handler has detached keeps the worker's output open for this long.
LAST_OUTPUT_REAL_SECONDS = 30.0


class Instance:
    """An instance of a variant. The attributes that change are guarded by the hosting's lock.

    healthy: it takes invocations now. in_service: it has been healthy and was not terminated, so it counts as current
    while its worker restarts. lost: it went away by itself. failure: the reason why it never became healthy.
    """

    def __init__(
        self,
        hosting: Hosting,
        region: str,
        endpoint: str,
        variant: dict[str, Any],
        model: Model,
        on_healthy: Callable[[], None],
        on_lost: Callable[[Instance], None],
    ) -> None:
        self.id = f"i-{secrets.token_hex(8)}0"  # EC2's have 17 hexadecimal digits
        self.healthy = self.in_service = self.lost = False
        self.failure: str | None = None
        self.in_flight = 0
        self.settled = threading.Event()
        self.variant_name: str = variant["VariantName"]
        self.log_group = f"/aws/sagemaker/Endpoints/{endpoint}"
        self.log_stream = f"{self.variant_name}/{self.id}"
        self.home = hosting.run_directory / f"{endpoint}-{self.id}"
        self._hosting = hosting
        self._role = model.execution_role
        self._services = services_as(hosting, region, lambda: self._role)
        self._region = region
        self._endpoint = endpoint
        self._container = model.container
        self._on_healthy = on_healthy
        self._on_lost = on_lost
        self._startup_seconds = startup_seconds(variant)
        self._worker: WorkerProcess | None = None
        # The reason why it never became healthy, where it is known here but not on AWS.
        self._cause = ""
        self._launched = self._terminated = hosting.clock.now()
        self._stopping = threading.Event()
        self._gone = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start to launch; `settled` is set once it is healthy or has failed."""
        self._launched = self._hosting.clock.now()
        self._thread = self._hosting.threads.spawn(f"instance-{self.id}", self._run)

    @property
    def worker_pid(self) -> int | None:
        """The worker's process identifier, if one runs."""
        worker = self._worker
        return worker.pid if worker is not None and worker.alive() else None

    @property
    def billed_seconds(self) -> float:
        """AWS seconds from its launch until it was gone, or until now."""
        ended = self._terminated if self._gone.is_set() else self._hosting.clock.now()
        return ended - self._launched

    def invoke(self, body: bytes, headers: dict[str, str], timeout: float) -> ContainerResponse:
        """Send one invocation to the worker; if the worker dies over it, answer as TorchServe does."""
        worker = self._worker
        try:
            if worker is None:
                raise WorkerGoneError("the worker is being restarted")
            return fault_effects.invoke(self._hosting, self._endpoint, worker, self.lose, body, headers, timeout)
        except WorkerGoneError as exc:
            with self._hosting.lock:
                # No other invocation may go to this worker, although the supervisor notices its end only later.
                self.healthy = self.healthy and worker is not self._worker
            if self.lost:
                raise InstanceLostError(self.id) from exc
            return wording.worker_died()

    def terminate(self) -> None:
        """Ask the worker to end."""
        self._stopping.set()
        with self._hosting.lock:
            self.healthy = self.in_service = False
            worker = self._worker
        if worker is not None:
            worker.terminate()

    def stop(self) -> None:
        """End the worker, at first gently, and remove the folder; block until both are gone."""
        self.terminate()
        if not self._hosting.clock.wait(self._gone, TERMINATION_GRACE_SECONDS):
            self.kill()
            self._gone.wait()

    def kill(self) -> None:
        """End the worker at once."""
        self._stopping.set()
        worker = self._worker
        if worker is not None:
            worker.kill()

    def lose(self) -> None:
        """Take the instance away as a failing host does: requests in hand are lost, and another replaces it."""
        with self._hosting.lock:
            self.lost, self.healthy, self.in_service = True, False, False
        self.kill()
        self._on_lost(self)

    def wait_gone(self, deadline: float) -> None:
        """Wait until worker and folder are gone and the journal has it; the deadline is in time.monotonic's seconds."""
        self._gone.wait(max(0.0, deadline - time.monotonic()))
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        try:
            self.home.mkdir(parents=True)
            fault_effects.before_model_data(self._hosting, self._endpoint, self._container)
            self._services.pull_image(self._container.get("Image", ""))
            place_model_data(self._container, self._services, self.home / "model")
            self._supervise()
        except (ModelDataError, ImageForbiddenError) as exc:
            self._fail(str(exc))
        except Exception as exc:
            # `settled` without a failure means healthy, so every other end must be recorded as one.
            self._fail(wording.could_not_start(exc))
        finally:
            if self.home.exists():
                remove_model_data(self.home)
            self._terminated = self._hosting.clock.now()
            self._gone.set()
            self._record("instance.terminated", variant=self.variant_name, billed_seconds=self.billed_seconds)
            self.settled.set()

    def _supervise(self) -> None:
        clock = self._hosting.clock
        start_up = StartUp(clock, self._startup_seconds)
        pause = RESTART_FIRST_SECONDS
        while not self._stopping.is_set():
            worker, output = self._launch()
            if self._await_ping(worker, start_up):
                pause = RESTART_FIRST_SECONDS
                self._become_healthy(worker)
            status = worker.wait()
            worker.kill()  # the rest of its process group
            # The container's last output must be in the log before a client learns of the failure and looks there.
            output.join(LAST_OUTPUT_REAL_SECONDS)
            if start_up.passed and not self.settled.is_set():
                self._fail(wording.failed_ping(self.variant_name) + self._cause)
                return
            self._become_unhealthy(status)
            if self.settled.is_set():
                start_up = StartUp(clock, self._startup_seconds)
            if not self._stopping.wait(RESTART_LEAST_REAL_SECONDS):
                clock.wait(self._stopping, pause)
            pause = min(pause * 2, RESTART_LONGEST_SECONDS)

    def _launch(self) -> tuple[WorkerProcess, threading.Thread]:
        credentials = container_credentials(self._region, self._role, self.id)
        environment = worker_environment(self._hosting, self._region, self.home, self._container, credentials)
        command = self._hosting.container_command
        worker = self._hosting.spawner.call(lambda: WorkerProcess(self.home, environment, self._log, command))
        output = self._hosting.threads.spawn(f"output-{self.id}", worker.pump_output)
        self._worker = worker
        self._record("instance.started", pid=worker.pid)
        if self._stopping.is_set():  # terminate() or kill() may have come before this worker was known
            worker.kill()
        return worker, output

    def _await_ping(self, worker: WorkerProcess, start_up: StartUp) -> bool:
        clock = self._hosting.clock
        silent_until = clock.now() + fault_effects.cold_start_seconds(self._hosting, self._endpoint)
        while worker.alive() and not self._stopping.is_set():
            silent = clock.now() < silent_until
            if not silent and worker.ping(PING_TIMEOUT_REAL_SECONDS):
                return True
            if start_up.is_over(silent):
                self._cause = self._cause or ("" if silent else start_up.cut_short())
                worker.kill()
                return False
            self._stopping.wait(PING_EVERY_REAL_SECONDS)
        return False

    def _become_healthy(self, worker: WorkerProcess) -> None:
        with self._hosting.lock:
            self.healthy = self.in_service = not self._stopping.is_set()
        self._record("instance.healthy", pid=worker.pid)
        self.settled.set()
        self._on_healthy()
        liveness = Liveness(worker, self._hosting.clock, lambda: self.return_to_service(worker), self.lose)
        self._hosting.threads.spawn(f"liveness-{self.id}", liveness.watch)

    def return_to_service(self, worker: WorkerProcess) -> None:
        """Take invocations again, because the worker that broke a connection answers pings."""
        with self._hosting.lock:
            if self.healthy or worker is not self._worker or self._stopping.is_set():
                return
            self.healthy = True
        self._on_healthy()

    def _become_unhealthy(self, status: int) -> None:
        with self._hosting.lock:
            self.healthy = False
        self._record("instance.ended" if self._stopping.is_set() else "instance.crashed", status=status)

    def _fail(self, reason: str) -> None:
        with self._hosting.lock:
            self.failure = reason
        self._record("instance.failed", reason=reason)

    def _log(self, lines: list[str]) -> None:
        for line in lines:
            if line.startswith(opt_ml_model.NOTE):
                self._cause = f" {line.removeprefix(opt_ml_model.NOTE)}"
        self._services.log(self.log_group, self.log_stream, lines)

    def _record(self, event: str, **fields: Any) -> None:
        self._hosting.journal.record(event, endpoint=self._endpoint, instance=self.id, **fields)
