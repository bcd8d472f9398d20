"""The environment of everything that runs on this machine alone: nothing but what it needs.

Settings that are left over from other work (profiles, endpoints, proxies, a Prefect server, Python's own) would send
it to another account or break it, and libraries add such settings faster than a list could name them.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TELEMETRY_OFF = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "ORT_DISABLE_TELEMETRY": "1"}
LOOPBACK = "127.0.0.1,localhost,::1"
KEPT = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV", "SYSTEMROOT"),
        *("TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "LANG", "LANGUAGE", "TZ"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "HF_HOME", "TORCH_HOME"),
    }
)
KEPT_PREFIXES = ("LC_", "XDG_", "OMP_", "STYGIG_")


def sealed(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment without anything that isn't needed; `folder` is ours, for Prefect's files.

    A proxy for HTTPS stays if it is one: weights of real encoders are downloaded through it, and nothing on this
    machine speaks HTTPS.
    """
    kept = {name: value for name, value in environment.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    proxies = {name: environment[name] for name in ("HTTPS_PROXY", "https_proxy") if _is_proxy(environment.get(name))}
    nobodys = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "STYGIG_CREDENTIALS_BLOCK": "",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_PROFILES_PATH": str(folder / "prefect" / "profiles.toml"),
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        "PREFECT_API_REQUEST_TIMEOUT": "300",  # seconds; a busy machine's server takes longer than Prefect's own 60
        "MPLCONFIGDIR": str(folder / "matplotlib"),
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
    }
    return kept | proxies | nobodys | TELEMETRY_OFF


def _is_proxy(url: str | None) -> bool:
    return bool(url) and str(url).startswith(("http://", "https://"))


@contextmanager
def sealed_process(folder: Path) -> Iterator[None]:
    """Give this process the sealed environment for as long."""
    before = dict(os.environ)
    _become(sealed(before, folder))
    calm_warnings()
    try:
        yield
    finally:
        _become(before)


def calm_warnings() -> None:
    """Undo PYTHONWARNINGS and -W: as errors, warnings of our libraries would end a run."""
    if sys.warnoptions:
        warnings.resetwarnings()
        for ignored in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", ignored)


def _become(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def spare_loopback() -> None:
    """Keep this process from using a proxy to its own machine, for the Prefect server and for the embedded AWS."""
    os.environ.update({name: _with_loopback(os.environ.get(name, "")) for name in ("NO_PROXY", "no_proxy")})


def _with_loopback(listed: str) -> str:
    return ",".join(filter(None, (listed, LOOPBACK)))


def turn_telemetry_off() -> None:
    """Set the variables that the user hasn't set; to be called before any of the libraries is imported."""
    for name, value in TELEMETRY_OFF.items():
        os.environ.setdefault(name, value)
