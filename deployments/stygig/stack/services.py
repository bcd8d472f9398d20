"""The three services of the stack, their ports and their environment."""

import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path

from stygig.stack.service import Service

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
POOL = "stygig"


@dataclass(frozen=True)
class Stack:
    """The services, their ports and their folder."""

    run: Path = field(default_factory=lambda: Path(os.environ.get("STYGIG_RUN_FOLDER", ROOT / ".run")).resolve())
    prefect_port: str = field(default_factory=lambda: os.environ.get("STYGIG_PREFECT_PORT", "4200"))
    aws_port: str = field(default_factory=lambda: os.environ.get("STYGIG_AWS_PORT", "4577"))

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def aws(self) -> Service:
        return Service("aws", (str(BIN / "stygig"), "local", "up", "--port", self.aws_port), self.run)

    @property
    def prefect(self) -> Service:
        asked = (str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", self.prefect_port)
        return Service("prefect", asked, self.run)

    @property
    def worker(self) -> Service:
        asked = (str(BIN / "prefect"), "worker", "start", "--pool", POOL, "--type", "process")
        return Service("worker", asked, self.run)

    def auth(self) -> str:
        """The Prefect server's user and password; made anew if there is none."""
        file = self.run / "prefect-auth"
        if not file.exists() or not file.read_text().strip():
            file.write_text(f"stygig:{secrets.token_urlsafe(24)}\n")
        return file.read_text().strip()

    def environment(self) -> dict[str, str]:
        """The variables by which the services and their clients find the Prefect server."""
        return {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": self.auth()}

    def server_settings(self) -> dict[str, str]:
        """The Prefect server's own variables. Leases in files survive a restart; a run that loses its lease ends."""
        origins = ",".join(f"http://{host}:{self.prefect_port}" for host in ("127.0.0.1", "localhost"))
        return {
            "PREFECT_HOME": str(self.run / "prefect"),
            "PREFECT_SERVER_API_AUTH_STRING": self.auth(),
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origins,
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer at a time: on a busy machine others wait
            "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PWD": str(ROOT),  # a subprocess's cwd changes its folder, not this
        }


def say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - the progress of a command
