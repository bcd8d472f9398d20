"""The embedded AWS as an object: start, stop, reset."""

from __future__ import annotations

import atexit
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from moto.moto_api._internal.models import moto_api_backend

from localaws import sdk_config
from localaws.access import documents
from localaws.access.gate import access_gates
from localaws.clock import Clock
from localaws.container.command import container_command
from localaws.faults import Faults
from localaws.faults.gate import FaultGate
from localaws.inspection import Inspection
from localaws.journal import Journal
from localaws.run_directory import RunDirectory
from localaws.sagemaker.control_plane.operations import ControlPlane
from localaws.sagemaker.data_plane.runtime import Runtime
from localaws.sagemaker.hosting import Hosting, Options
from localaws.sagemaker.state import State, key
from localaws.sagemaker.status import status
from localaws.scaling.engine import Scaling
from localaws.server import Application, Server
from localaws.services import memory, moto_patches, unimplemented
from localaws.services.application_autoscaling.operations import ApplicationAutoScaling
from localaws.services.moto_services import SCHEDULER_ROLE_ARN, create_roles
from localaws.services.scheduler.operations import Scheduler
from localaws.services.serving import Serving
from localaws.services.sns.web_hooks import WebHooks
from localaws.threads import Spawner, ThreadGroup

# Only a thread that hangs takes this long to end, even on a busy machine.
STOP_REAL_SECONDS = 120.0
ACCESS_KEY = "localaws"
# The only variables that workers inherit: others, above all AWS_*, could lead a handler to the real AWS.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "OMP_NUM_THREADS")

_running_lock = threading.Lock()
_running: set[int] = set()


class LocalAws:
    """An AWS on loopback, in threads of this process and worker processes that they start.

    moto has one state per process: several of these at once share buckets, queues and topics, but not endpoints.
    """

    def __init__(
        self,
        port: int = 0,
        clock_rate: float = 1.0,
        region: str = "us-east-1",
        journal_path: Path | None = None,
        options: Options | None = None,
    ) -> None:
        self.region = region
        self.clock = Clock(clock_rate)
        self.journal = Journal(journal_path)
        self.faults = Faults(self.journal)
        self.execution_role_arn = ""
        self.options = options or Options()
        self._clock_rate = clock_rate
        self._port = port
        self._state = State()
        self._hosting: Hosting | None = None
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None:
            raise RuntimeError("the embedded AWS is not running: call start(), or use it as a context manager")
        return self._server.port

    @property
    def endpoint_url(self) -> str:
        """The URL to which AWS_ENDPOINT_URL must be set."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def run_directory(self) -> Path:
        """The folder with the instances' folders."""
        return self._require().run_directory

    def environment(self) -> dict[str, str]:
        """The environment variables that make any AWS client use the embedded AWS."""
        return {
            **self._client_environment(self.region),
            sdk_config.VARIABLE: str(self._sdk_config),
            "LOCALAWS_EXECUTION_ROLE_ARN": self.execution_role_arn,
            "LOCALAWS_SCHEDULER_ROLE_ARN": SCHEDULER_ROLE_ARN,
        }

    def start(self) -> None:
        """Start to serve, and return once clients can connect. Raise OSError if the port is taken."""
        if self._server is not None:
            raise RuntimeError("the embedded AWS is running already")
        command = container_command(self.options.container, self.options.torchserve_python)
        listener = socket.create_server(("127.0.0.1", self._port))
        moto_patches.apply()
        with _running_lock:
            if not _running:  # what an earlier embedded AWS, or a test with moto, has left in this process
                moto_api_backend.reset()
            _running.add(id(self))
        self._folder = RunDirectory()
        self._sdk_config = sdk_config.write_sdk_config(self._folder.path, self.region)
        hosting = Hosting(
            clock=self.clock,
            journal=self.journal,
            threads=ThreadGroup(self.journal),
            spawner=Spawner(),
            run_directory=self._folder.path,
            worker_environment=self._worker_environment,
            options=self.options,
            container_command=command,
            faults=self.faults,
        )
        self._hosting = hosting
        webhooks = WebHooks(self.clock, self.journal, hosting.threads, hosting.closing)
        self._serving = Serving(hosting, self._state, lambda: self.endpoint_url, webhooks)
        self._scheduler = Scheduler(hosting, lambda: self.endpoint_url)
        self._scaling = Scaling(hosting, self._state, self._serving, self._scheduler)
        application = Application(
            ControlPlane(hosting, self._state),
            Runtime(hosting, self._state),
            Inspection(self.clock, self.journal, self.faults, lambda: status(hosting, self._state), self.reset),
            self.region,
            gates=(
                self._serving.enter,
                unimplemented.gate,
                FaultGate(self.faults),
                *access_gates(hosting, self._state, ACCESS_KEY),
                documents.gate,
            ),
            answers={
                "application-autoscaling": ApplicationAutoScaling(self._scaling).answer,
                "scheduler": self._scheduler.answer,
            },
        )
        self._server = Server(listener, application)
        self.execution_role_arn = create_roles()
        self._server.start()
        self._serving.start()
        self._scaling.start()
        hosting.threads.spawn("memory", memory.trim_until, hosting.closing)
        atexit.register(self.stop)

    def stop(self) -> None:
        """End workers, threads and the server, and remove the run directory; doing it twice is harmless."""
        hosting, server = self._hosting, self._server
        if hosting is None or server is None:
            return
        hosting.closing.set()
        self._serving.stop()
        self._scaling.stop()
        self._abort_endpoints()
        server.close()
        left = hosting.threads.join(STOP_REAL_SECONDS)
        hosting.spawner.close()
        self.journal.close()
        self._folder.remove()
        self._hosting = self._server = None
        with _running_lock:
            _running.discard(id(self))
        atexit.unregister(self.stop)
        if left:
            raise RuntimeError(f"threads of the embedded AWS did not end within {STOP_REAL_SECONDS} s: {left}")

    def advance(self, seconds: float) -> None:
        """Move AWS's time on at once; alarms, policies and schedules act in each minute of it before this returns."""
        self._require()
        self._scaling.advance(seconds)

    def reset(self) -> None:
        """Forget everything: moto's state, its own, the journal and the clock's rate; workers end, serving goes on."""
        with self._scaling.between_minutes:
            self._abort_endpoints()
            moto_api_backend.reset()
            self._serving.webhooks.forget()
            self._scaling.reset()
            self._scheduler.clear()
            self.execution_role_arn = create_roles()
            self.journal.clear()
            self.faults.reset()
            self.clock.rate = self._clock_rate

    def serve_forever(self) -> None:
        """Block until interrupted; for a command that only serves."""
        self._require().closing.wait()

    def worker_pids(self) -> list[int]:
        """The process identifiers of the running workers."""
        with self._require().lock:
            variants = [variant for each in self._state.endpoints.values() for variant in each.variants.values()]
            pids = [instance.worker_pid for variant in variants for instance in variant.instances]
        return [pid for pid in pids if pid is not None]

    def billed_seconds(self, endpoint: str) -> dict[str, float]:
        """AWS seconds billed for all instances that an endpoint ever had, by variant."""
        return self._state.endpoints[key(self.region, endpoint)].billed_seconds()

    def _abort_endpoints(self) -> None:
        hosting = self._require()
        with hosting.lock:
            endpoints = list(self._state.endpoints.values())
            self._state.clear()
        for endpoint in endpoints:
            endpoint.abort()
        # The state is wiped next: no worker that is still ending may write to it afterwards.
        deadline = time.monotonic() + STOP_REAL_SECONDS
        for endpoint in endpoints:
            endpoint.join(deadline)

    def _require(self) -> Hosting:
        if self._hosting is None:
            raise RuntimeError("the embedded AWS is not running: call start(), or use it as a context manager")
        return self._hosting

    def _client_environment(self, region: str) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",  # no SDK may ask the address of EC2's metadata service
        }

    def _worker_environment(self, region: str) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        # Otherwise numeric libraries start a thread per core in each worker.
        return {"OMP_NUM_THREADS": "1", **inherited, **self._client_environment(region)}
