"""A program that runs an embedded AWS with two workers, prints their process identifiers and waits to be ended."""

from __future__ import annotations

import os
import threading

from cloud import BUCKET, Cloud  # type: ignore[import-not-found]

from localaws import LocalAws

with LocalAws(clock_rate=60) as aws:
    os.environ.update(aws.environment())
    cloud = Cloud(aws)
    cloud.s3.create_bucket(Bucket=BUCKET)
    cloud.model()
    cloud.config(variant={"InitialInstanceCount": 2})
    cloud.endpoint()
    print(*aws.worker_pids(), flush=True)  # noqa: T201
    threading.Event().wait()
