"""The three services of the stack, their ports and their environment."""

import fcntl
import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stygig.stack.service import Service, write_whole
from tasks.settings import read_settings

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
POOL = "stygig"


@dataclass(frozen=True)
class Stack:
    """The services, their ports and their folder."""

    run: Path
    prefect_port: str = "4200"
    aws_port: str = "4577"

    @classmethod
    def here(cls) -> "Stack":
        """The stack of this checkout, at the ports where it runs, else those that are set, else those it had last."""
        stack = cls(Path(os.environ.get("STYGIG_RUN_FOLDER", ROOT / ".run")).resolve())
        last = stack._remembered()
        return replace(
            stack,
            prefect_port=stack.prefect.port_in_use() or os.environ.get("STYGIG_PREFECT_PORT") or last.prefect_port,
            aws_port=stack.aws.port_in_use() or os.environ.get("STYGIG_AWS_PORT") or last.aws_port,
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the stack's lock: of two `up` at once, each would start services that only one knows of."""
        os.umask(0o077)
        self.run.mkdir(parents=True, exist_ok=True)
        self.run.chmod(0o700)
        with (self.run / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _remembered(self) -> "Stack":
        """The stack at the ports of last time; at the usual ones if their file is cut or absent."""
        try:
            found = json.loads((self.run / "ports").read_text())
            return replace(self, prefect_port=str(int(found["prefect"])), aws_port=str(int(found["aws"])))
        except (OSError, ValueError, TypeError, KeyError):
            return self

    def remember_ports(self) -> None:
        """Keep the ports for the next time."""
        write_whole(self.run / "ports", json.dumps({"prefect": self.prefect_port, "aws": self.aws_port}))

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def aws(self) -> Service:
        return Service("aws", (str(BIN / "stygig"), "local", "up", "--port", self.aws_port), self.run)

    @property
    def prefect(self) -> Service:
        asked = (sys.executable, "-m", "stygig.stack.prefect_server", "--port", self.prefect_port)
        return Service("prefect", asked, self.run)

    @property
    def worker(self) -> Service:
        asked = (str(BIN / "prefect"), "worker", "start", "--pool", POOL, "--type", "process")
        return Service("worker", asked, self.run)

    def auth(self) -> str:
        """The Prefect server's user and password; made anew if there is none."""
        file = self.run / "prefect-auth"
        if not file.exists() or not file.read_text().strip():
            write_whole(file, f"stygig:{secrets.token_urlsafe(24)}\n")
        return file.read_text().strip()

    def environment(self) -> dict[str, str]:
        """The variables by which the services and their clients find the Prefect server."""
        return {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": self.auth()}

    def server_settings(self) -> dict[str, str]:
        """The Prefect server's own variables. Leases in files survive a restart; a run that loses its lease ends."""
        database = os.environ.get("STYGIG_PREFECT_DATABASE", "")
        origins = ",".join(f"http://{host}:{self.prefect_port}" for host in ("127.0.0.1", "localhost"))
        return {
            "PREFECT_HOME": str(self.run / "prefect"),
            "PREFECT_SERVER_API_AUTH_STRING": self.auth(),
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins,
            "PREFECT_SERVER_API_PORT": self.prefect_port,  # the UI asks the API there
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(read_settings().retention_days * 86_400),
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer at a time: on a busy machine others wait
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PWD": str(ROOT),  # a subprocess's cwd changes its folder, not this
        } | ({"PREFECT_API_DATABASE_CONNECTION_URL": database} if database else {})


def say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - the progress of a command
