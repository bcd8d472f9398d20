"""What is left over in somebody's environment and must not lead us astray on one's own machine."""

import os
from collections.abc import Mapping

LOOPBACK = "127.0.0.1,localhost"


def without_strangers(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without a profile of another account, and with no proxy between us and this machine."""
    kept = {name: value for name, value in environment.items() if name not in {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}}
    return kept | {name: _with_loopback(environment.get(name, "")) for name in ("NO_PROXY", "no_proxy")}


def spare_loopback() -> None:
    """No proxy between this process and its own machine: not for the Prefect server, not for the embedded AWS."""
    os.environ.update({name: _with_loopback(os.environ.get(name, "")) for name in ("NO_PROXY", "no_proxy")})


def _with_loopback(listed: str) -> str:
    return ",".join(filter(None, (listed, LOOPBACK)))
