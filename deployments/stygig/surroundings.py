"""The user's environment without settings that would mislead local use: AWS profiles, and proxies to this machine."""

import os
from collections.abc import Mapping

LOOPBACK = "127.0.0.1,localhost"


def without_strangers(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without AWS profiles, which are for other accounts, and without a proxy to this machine."""
    kept = {name: value for name, value in environment.items() if name not in {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"}}
    return kept | {name: _with_loopback(environment.get(name, "")) for name in ("NO_PROXY", "no_proxy")}


def spare_loopback() -> None:
    """Keep this process from using a proxy to its own machine, for the Prefect server and for the embedded AWS."""
    os.environ.update({name: _with_loopback(os.environ.get(name, "")) for name in ("NO_PROXY", "no_proxy")})


def _with_loopback(listed: str) -> str:
    return ",".join(filter(None, (listed, LOOPBACK)))
