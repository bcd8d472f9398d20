"""Flow runs as a Prefect API knows them, asked over HTTP: importing Prefect takes seconds, and a sweep asks little.

Prefect is a hint to a sweep, not a judge: an API that isn't set, or doesn't answer, knows no run.
"""

import base64
import os
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from tasks.settings import without_password

ANSWER_SECONDS = 20.0


class PrefectSilentError(Exception):
    """The API gave no answer, or none that says what was asked."""


@dataclass(frozen=True)
class FlowRuns:
    """The flow runs of one API; `headers` carry the credentials that it wants."""

    api_url: str
    headers: dict[str, str]

    def state_of(self, run_id: str) -> str:
        """The type of the run's state; empty for a run that this API doesn't know."""
        try:
            UUID(run_id)
        except ValueError:  # an id that isn't a UUID is no flow run's
            return ""
        found = self._ask("GET", f"flow_runs/{run_id}", missing={})
        try:
            return str((found.get("state") or {"type": "PENDING"})["type"]) if found else ""
        except (AttributeError, TypeError, KeyError) as exc:
            raise PrefectSilentError(f"{self} answers something else than a flow run") from exc

    def __str__(self) -> str:
        return f"Prefect at {without_password(self.api_url)}"

    def crash(self, run_id: str, why: str) -> None:
        """Set the run Crashed: until the API knows that it is over, it occupies its deployment's only slot."""
        state = {"type": "CRASHED", "name": "Crashed", "message": why}
        self._ask("POST", f"flow_runs/{run_id}/set_state", {"state": state}, missing={})

    def _ask(self, method: str, path: str, content: Any = None, missing: Any = None) -> Any:
        try:
            with httpx.Client(headers=self.headers, timeout=ANSWER_SECONDS, trust_env=not self._is_here()) as client:
                answer = client.request(method, f"{self.api_url}/{path}", json=content)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return missing
            return answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as exc:  # a proxy may be set that is none
            raise PrefectSilentError(f"{self} gives no answer: {without_password(str(exc))}") from exc

    def _is_here(self) -> bool:
        return httpx.URL(self.api_url).host in ("127.0.0.1", "localhost", "::1")


def known_flow_runs() -> FlowRuns | None:
    """The flow runs of the API that is set; None if there is none.

    In a flow run Prefect is imported, and knows its profile; else only the environment tells.
    """
    url, auth, key = _settings()
    if not url:
        return None
    headers = {"Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"} if auth else {}
    return FlowRuns(url.rstrip("/"), headers or ({"Authorization": f"Bearer {key}"} if key else {}))


def _settings() -> tuple[str, str, str]:
    if "prefect" not in sys.modules:
        asked = os.environ.get
        return asked("PREFECT_API_URL", ""), asked("PREFECT_API_AUTH_STRING", ""), asked("PREFECT_API_KEY", "")
    from prefect.settings import get_current_settings

    api = get_current_settings().api
    auth, key = (each.get_secret_value() if each else "" for each in (api.auth_string, api.key))
    return api.url or "", auth, key
