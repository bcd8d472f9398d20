"""A program that runs an embedded AWS with two workers, prints their process identifiers and waits to be killed."""

from __future__ import annotations

import os
import sys
import threading

from cloud import BUCKET, Cloud, eventually  # type: ignore[import-not-found]

from localaws import LocalAws, Options

with LocalAws(options=Options(container="torchserve") if sys.argv[1:] == ["torchserve"] else Options()) as aws:
    os.environ.update(aws.environment())
    cloud = Cloud(aws)
    cloud.s3.create_bucket(Bucket=BUCKET)
    cloud.model()
    cloud.config(variant={"InitialInstanceCount": 2})
    cloud.endpoint(status=None)
    eventually(lambda: aws.journal.entries("endpoint.status", status="InService") or None)
    print(*aws.worker_pids(), flush=True)  # noqa: T201
    threading.Event().wait()
