"""The SageMaker SDK's ModelBuilder builds for a role that may serve, for no other, and tells nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.deployments.localaws.callers import document
from tests.deployments.localaws.cloud import BUCKET, HANDLER, Cloud, archive

PROGRAM = Path(__file__).with_name("sagemaker_model_builder.py")
TRUST = document({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"})


@contextmanager
def proxy() -> Iterator[tuple[str, list[str]]]:
    """The URL of a proxy that leads nowhere, and the hosts that it was asked for."""
    asked: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_a_model_is_built_for_a_role_that_may_serve_and_nobody_else_is_told(cloud: Cloud, tmp_path: Path) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({"code/inference.py": HANDLER}))
    powerless = cloud.client("iam").create_role(RoleName="powerless", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    with proxy() as (url, asked):
        proxied = {"HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [sys.executable, PROGRAM, cloud.aws.execution_role_arn, powerless, f"s3://{BUCKET}/model.tar.gz"],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **cloud.aws.environment(), **proxied},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["model built", "refused True"]
    assert cloud.sagemaker.describe_model(ModelName="built")["ExecutionRoleArn"] == cloud.aws.execution_role_arn
    assert asked == []
