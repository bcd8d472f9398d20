"""The environment variables of a worker: AWS's, the model's own, and those that the emulation needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localaws.container import opt_ml_model
from localaws.sagemaker.hosting import Hosting

PACKAGE_PARENT = Path(__file__).resolve().parents[3]


def worker_environment(
    hosting: Hosting, region: str, home: Path, container: Mapping[str, Any], credentials: Mapping[str, str]
) -> dict[str, str]:
    """The variables for a worker that lives in `home` and serves that container of a model."""
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **hosting.worker_environment(region),
        **credentials,
        "SAGEMAKER_REGION": region,
        "SAGEMAKER_BIND_TO_PORT": "8080",
        # The model's own variables may replace those above, but not those that the worker depends on.
        **container.get("Environment", {}),
        "SAGEMAKER_BASE_DIR": str(home),
        "TMPDIR": str(temporary),
        "PYTHONPATH": os.pathsep.join([str(home / "model" / "code"), str(PACKAGE_PARENT)]),
        "PYTHONUNBUFFERED": "1",  # a killed process loses the output in its buffer
        "PYTHONDONTWRITEBYTECODE": "1",  # the model's folder is read-only
        "LOCALAWS_PING": hosting.options.ping,
        opt_ml_model.SWITCH: "on" if hosting.options.opt_ml_model else "off",
    }
