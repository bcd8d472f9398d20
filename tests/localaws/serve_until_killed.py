"""A program that runs an embedded AWS with two workers, prints their process identifiers and waits to be ended."""

from __future__ import annotations

import os
import sys
import threading

from cloud import BUCKET, Cloud, eventually  # type: ignore[import-not-found]

from localaws import LocalAws, Options

# The real stack takes some seconds to start: at 60 AWS seconds a second they would add up to a failed health check.
OPTIONS, RATE = (Options(container="torchserve"), 1) if sys.argv[1:] == ["torchserve"] else (Options(), 60)

with LocalAws(clock_rate=RATE, options=OPTIONS) as aws:
    os.environ.update(aws.environment())
    cloud = Cloud(aws)
    cloud.s3.create_bucket(Bucket=BUCKET)
    cloud.model()
    cloud.config(variant={"InitialInstanceCount": 2})
    cloud.endpoint(status=None)
    eventually(lambda: aws.journal.entries("endpoint.status", status="InService") or None, seconds=100)
    print(*aws.worker_pids(), flush=True)  # noqa: T201
    threading.Event().wait()
