"""The next runs of a Prefect server's schedules, asked over its API: importing Prefect itself would take seconds."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

PATIENCE_SECONDS = 90.0  # longer than the server itself waits for its database
TAG = "stygig"
"""The tag of every deployment in prefect.yaml."""


@dataclass(frozen=True)
class PrefectServer:
    """A Prefect API, and its auth string if it asks for one."""

    api_url: str
    auth: str = ""

    def post(self, path: str, content: dict[str, Any]) -> Any:
        """Post and return the answer, past any proxy: the server is this machine's, or a known one. httpx's errors."""
        return self._ask("POST", path, content).json()

    def delete(self, path: str) -> None:
        """Delete a resource."""
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, content: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Basic {base64.b64encode(self.auth.encode()).decode()}"} if self.auth else {}
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            answer = client.request(method, f"{self.api_url}/{path}", json=content, headers=headers)
        return answer.raise_for_status()


@dataclass(frozen=True)
class NextRun:
    """A deployment with an active schedule; `at` is None if no run is scheduled: then it never runs by itself."""

    deployment: str
    at: datetime | None

    def __str__(self) -> str:
        when = f"{self.at:%Y-%m-%d %H:%M} UTC" if self.at else "NONE IS SCHEDULED"
        return f"next {self.deployment}: {when}"


def next_runs(server: PrefectServer, tag: str) -> list[NextRun]:
    """The next run of each deployment with that tag and an active schedule."""
    found = server.post("deployments/filter", {"deployments": {"tags": {"all_": [tag]}}})
    planned = [each for each in found if not each["paused"] and any(s["active"] for s in each["schedules"])]
    return [NextRun(each["name"], _next_start(server, each["id"])) for each in planned]


def _next_start(server: PrefectServer, deployment_id: str) -> datetime | None:
    wanted = {
        "flow_runs": {"deployment_id": {"any_": [deployment_id]}, "state": {"type": {"any_": ["SCHEDULED"]}}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 20,
    }
    runs = [each for each in server.post("flow_runs/filter", wanted) if each["auto_scheduled"]]
    return datetime.fromisoformat(runs[0]["expected_start_time"]) if runs else None
