"""The ordinary AWS CLI, unmodified, with nothing but AWS's variables to tell it where AWS is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployments.localaws.cloud import BUCKET, HANDLER, Cloud, archive, eventually

AWS = Path(sys.executable).with_name("aws")
PROGRAM = Path(__file__).with_name("aws_cli.py")
VARIANT = "VariantName=AllTraffic,ModelName=garments,InstanceType=ml.m5.large,InitialInstanceCount=1"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
RESOURCE = "endpoint/night/variant/AllTraffic"


class Cli:
    """The CLI in a process that is kept."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, *arguments: str) -> Any:
        """The command's output, parsed if it is JSON; the command must have succeeded."""
        status, output, errors = self.run(*arguments)
        assert status == 0, errors
        return json.loads(output) if output.startswith("{") else output

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, output and errors."""
        if arguments[0] == "sqs":
            # Version 1 of the CLI has addresses of its own for SQS, and overlooks AWS_ENDPOINT_URL.
            arguments = ("--endpoint-url", os.environ["AWS_ENDPOINT_URL"], *arguments)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([*arguments]), file=self._process.stdin, flush=True)
        status, output, errors = json.loads(self._process.stdout.readline())
        return status, output, errors


@pytest.fixture(scope="module")
def process() -> Iterator[list[subprocess.Popen[str]]]:
    """The one process, once the first test has started it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for each in started:
        with each:
            assert each.stdin is not None
            each.stdin.close()


@pytest.fixture
def cli(cloud: Cloud, process: list[subprocess.Popen[str]]) -> Cli:
    """The CLI, and a model archive in S3; the server's address stays the same for all tests."""
    cloud.s3.put_object(Bucket=BUCKET, Key="garments.tar.gz", Body=archive({"code/inference.py": HANDLER}))
    if not process:
        command = [sys.executable, PROGRAM]
        process.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    return Cli(process[0])


def create(cloud: Cloud, cli: Cli, name: str, *config: str) -> None:
    container = f"Image=image:1,ModelDataUrl=s3://{BUCKET}/garments.tar.gz"
    role = cloud.aws.execution_role_arn
    model = ["--model-name", "garments", "--primary-container", container, "--execution-role-arn", role]
    assert cli("sagemaker", "create-model", *model)["ModelArn"].endswith(":model/garments")
    cli(
        *("sagemaker", "create-endpoint-config", "--endpoint-config-name", name),
        *("--production-variants", VARIANT, *config),
    )
    endpoint = ["--endpoint-name", name]
    cli("sagemaker", "create-endpoint", *endpoint, "--endpoint-config-name", name, "--tags", "Key=team,Value=night")
    # The CLI's waiter looks every 30 seconds, so it is called when its first look is enough.
    eventually(lambda: cloud.aws.journal.entries("endpoint.status", endpoint=name, status="InService") or None)
    cli("sagemaker", "wait", "endpoint-in-service", *endpoint)


def test_the_program_itself_is_told_where_aws_is_by_an_option(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    command = [AWS, "--endpoint-url", cloud.aws.endpoint_url, "s3", "cp", tmp_path / "file", f"s3://{BUCKET}/file"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert cloud.read(f"s3://{BUCKET}/file") == b"text"


def test_a_real_time_endpoint_from_creation_to_deletion(cloud: Cloud, cli: Cli, tmp_path: Path) -> None:
    create(cloud, cli, "day")
    endpoint = ["--endpoint-name", "day"]
    found = cli("sagemaker", "describe-endpoint", *endpoint)
    assert (found["EndpointStatus"], found["ProductionVariants"][0]["CurrentInstanceCount"]) == ("InService", 1)
    assert cli("sagemaker", "list-tags", "--resource-arn", found["EndpointArn"])["Tags"][0]["Value"] == "night"
    (tmp_path / "request.json").write_text('{"x": 4}')
    asked = ["--content-type", "application/json", "--body", f"fileb://{tmp_path}/request.json"]
    answered = cli("sagemaker-runtime", "invoke-endpoint", *endpoint, *asked, str(tmp_path / "answer.json"))
    assert answered["InvokedProductionVariant"] == "AllTraffic"
    assert json.loads((tmp_path / "answer.json").read_text())["x"] == 8
    cli("sagemaker", "delete-endpoint", *endpoint)
    eventually(lambda: cloud.aws.journal.entries("endpoint.deleted", endpoint="day") or None)
    cli("sagemaker", "wait", "endpoint-deleted", *endpoint)
    cli("sagemaker", "delete-endpoint-config", "--endpoint-config-name", "day")
    cli("sagemaker", "delete-model", "--model-name", "garments")
    assert cli("sagemaker", "list-models") == {"Models": []}


def test_an_asynchronous_endpoint_its_notification_scaling_and_metrics(cloud: Cloud, cli: Cli, tmp_path: Path) -> None:
    topic = cli("sns", "create-topic", "--name", "done")["TopicArn"]
    queue = cli("sqs", "create-queue", "--queue-name", "done")["QueueUrl"]
    attributes = ["--attribute-names", "QueueArn"]
    queue_arn = cli("sqs", "get-queue-attributes", "--queue-url", queue, *attributes)["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": queue_arn}]}
    allowed = json.dumps({"Policy": json.dumps(policy)})
    cli("sqs", "set-queue-attributes", "--queue-url", queue, "--attributes", allowed)
    cli("sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", queue_arn)
    output = {"S3OutputPath": f"s3://{BUCKET}/out", "NotificationConfig": {"SuccessTopic": topic}}
    create(cloud, cli, "night", "--async-inference-config", json.dumps({"OutputConfig": output}))

    (tmp_path / "request.json").write_text('{"x": 4}')
    uri = f"s3://{BUCKET}/in/request.json"
    cli("s3", "cp", str(tmp_path / "request.json"), uri)
    assert "request.json" in cli("s3", "ls", f"s3://{BUCKET}/in/")
    asked = ["--endpoint-name", "night", "--input-location", uri, "--content-type", "application/json"]
    accepted = cli("sagemaker-runtime", "invoke-endpoint-async", *asked)
    receive = ["sqs", "receive-message", "--queue-url", queue, "--wait-time-seconds", "10"]
    [message] = eventually(lambda: (cli(*receive) or {}).get("Messages"))
    while "TestNotification" in (envelope := json.loads(message["Body"]))["Message"]:
        cli("sqs", "delete-message", "--queue-url", queue, "--receipt-handle", message["ReceiptHandle"])
        [message] = eventually(lambda: (cli(*receive) or {}).get("Messages"))
    assert json.loads(envelope["Message"])["inferenceId"] == accepted["InferenceId"]
    cli("s3", "cp", accepted["OutputLocation"], str(tmp_path / "answer.json"))
    assert json.loads((tmp_path / "answer.json").read_text())["x"] == 8

    scalable = ["--service-namespace", "sagemaker", "--resource-id", RESOURCE, "--scalable-dimension", DIMENSION]
    cli(
        *("application-autoscaling", "register-scalable-target", *scalable),
        *("--min-capacity", "1", "--max-capacity", "2"),
    )
    metric = {"MetricName": "ApproximateBacklogSizePerInstance", "Namespace": "AWS/SageMaker", "Statistic": "Average"}
    named = {**metric, "Dimensions": [{"Name": "EndpointName", "Value": "night"}]}
    tracking = json.dumps({"TargetValue": 5.0, "CustomizedMetricSpecification": named})
    cli(
        *("application-autoscaling", "put-scaling-policy", "--policy-name", "backlog", *scalable),
        *("--policy-type", "TargetTrackingScaling", "--target-tracking-scaling-policy-configuration", tracking),
    )
    targets = cli("application-autoscaling", "describe-scalable-targets", "--service-namespace", "sagemaker")
    assert [target["ResourceId"] for target in targets["ScalableTargets"]] == [RESOURCE]
    policies = cli("application-autoscaling", "describe-scaling-policies", "--service-namespace", "sagemaker")
    assert [policy["PolicyName"] for policy in policies["ScalingPolicies"]] == ["backlog"]

    eventually(lambda: cloud.aws.journal.entries("async.completed") or None)
    metrics = cli("cloudwatch", "list-metrics", "--namespace", "AWS/SageMaker", "--metric-name", "InvocationsProcessed")
    assert {"Name": "EndpointName", "Value": "night"} in metrics["Metrics"][0]["Dimensions"]


def test_what_aws_refuses_is_an_error_of_the_command(cli: Cli) -> None:
    status, output, errors = cli.run("sagemaker", "describe-endpoint", "--endpoint-name", "nobody")
    assert (status, output) == (255, "")
    assert "An error occurred (ValidationException) when calling the DescribeEndpoint operation" in errors
