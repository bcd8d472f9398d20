"""The log of a worker: one JSON object a line, on stderr, which SageMaker puts into the endpoint's log group.

STYGIG_LOG_LEVEL is the lowest level that is written. Only this module and inference.py log anything: identifiers,
sizes, times and codes, and nothing that a caller sent as a picture.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

LEVEL_VARIABLE = "STYGIG_LOG_LEVEL"
LEVELS = DEBUG, INFO, WARNING, ERROR = ("debug", "info", "warning", "error")
DEFAULT_LEVEL = INFO
_RANK = {level: rank for rank, level in enumerate(LEVELS)}


def write(level: str, event: str, **entry: object) -> None:
    """Write a line, if lines of its level are written."""
    if is_written(level):
        sys.stderr.write(json.dumps({"event": event, "level": level, **entry}) + "\n")
        sys.stderr.flush()


def is_written(level: str) -> bool:
    """True if lines of this level are written."""
    return _RANK[level] >= _RANK.get(_asked(os.environ), _RANK[DEFAULT_LEVEL])


def tell_unknown_level() -> None:
    """Log a warning if STYGIG_LOG_LEVEL isn't in LEVELS; a misspelt level must not keep an endpoint from serving."""
    asked = _asked(os.environ)
    if asked not in LEVELS:
        told = f"{LEVEL_VARIABLE} is {asked[:40]!r}, none of {', '.join(LEVELS)}: {DEFAULT_LEVEL} is taken."
        write(WARNING, "log_level", message=told)


def _asked(environment: Mapping[str, str]) -> str:
    return environment.get(LEVEL_VARIABLE, "").strip().lower() or DEFAULT_LEVEL
