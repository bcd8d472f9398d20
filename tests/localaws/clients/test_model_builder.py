"""The SageMaker SDK's ModelBuilder builds for a role that may serve, and for no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.localaws.callers import document
from tests.localaws.cloud import BUCKET, HANDLER, Cloud, archive

PROGRAM = Path(__file__).with_name("sagemaker_model_builder.py")
TRUST = document({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"})
NO_TELEMETRY = "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"


def test_a_model_is_built_for_a_role_that_may_serve(cloud: Cloud, tmp_path: Path) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({"code/inference.py": HANDLER}))
    powerless = cloud.client("iam").create_role(RoleName="powerless", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    (tmp_path / "sdk.yaml").write_text(NO_TELEMETRY)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **cloud.aws.environment()}
    done = subprocess.run(
        [sys.executable, PROGRAM, cloud.aws.execution_role_arn, powerless, f"s3://{BUCKET}/model.tar.gz"],
        env={**environment, "SAGEMAKER_USER_CONFIG_OVERRIDE": str(tmp_path / "sdk.yaml")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["model built", "refused True"]
    assert cloud.sagemaker.describe_model(ModelName="built")["ExecutionRoleArn"] == cloud.aws.execution_role_arn
