from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployments.localaws.cloud import BUCKET, HANDLER, Cloud, archive, eventually

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
NEVER_LOADS = "def model_fn(model_dir):\n    print('about to fail')\n    raise RuntimeError('no weights')\n"
LOADS_WHEN_TOLD = """
import boto3, time
def model_fn(model_dir):
    s3 = boto3.client("s3")
    while "Contents" not in s3.list_objects_v2(Bucket="models", Prefix="go"): time.sleep(0.02)
def predict_fn(data, model): return data
"""


def refused(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**request)
    error = refusal.value.response["Error"]
    assert (error["Code"], refusal.value.response["ResponseMetadata"]["HTTPStatusCode"]) == ("ValidationException", 400)
    return str(error["Message"])


def test_an_endpoint_is_creating_until_the_model_is_loaded_then_in_service(cloud: Cloud) -> None:
    cloud.model(handler=LOADS_WHEN_TOLD)
    cloud.config()
    answer = cloud.sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")
    assert answer["EndpointArn"] == f"{ARN}:endpoint/endpoint"
    description = cloud.sagemaker.describe_endpoint(EndpointName="endpoint")
    assert description["EndpointStatus"] == "Creating"
    assert description["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    cloud.s3.put_object(Bucket=BUCKET, Key="go")
    settled = cloud.settle()
    assert settled["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert settled["LastModifiedTime"] > settled["CreationTime"]


def test_an_endpoint_in_progress_refuses_update_rescale_and_delete(cloud: Cloud) -> None:
    cloud.model(handler=LOADS_WHEN_TOLD)
    cloud.config()
    cloud.endpoint(status=None)
    in_progress = f'Cannot update in-progress endpoint "{ARN}:endpoint/endpoint".'
    assert refused(cloud.sagemaker.delete_endpoint, EndpointName="endpoint") == in_progress
    change = {"EndpointName": "endpoint", "EndpointConfigName": "config"}
    assert refused(cloud.sagemaker.update_endpoint, **change) == in_progress
    weights = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    rescale = cloud.sagemaker.update_endpoint_weights_and_capacities
    assert refused(rescale, EndpointName="endpoint", DesiredWeightsAndCapacities=weights) == in_progress


def test_missing_model_data_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.model()
    cloud.s3.delete_object(Bucket=BUCKET, Key="model.tar.gz")
    cloud.config()
    cloud.endpoint(status=None)
    assert cloud.settle(status="Failed")["FailureReason"] == f"Could not find model data at s3://{BUCKET}/model.tar.gz."


def test_model_data_that_is_no_archive_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.model()
    cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=b"not a tar")
    cloud.config()
    cloud.endpoint(status=None)
    assert "valid tar.gz archive" in cloud.settle(status="Failed")["FailureReason"]


def test_a_container_that_cannot_be_started_at_all_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.model(Environment={"NAME": "no environment holds \0"})
    cloud.config()
    cloud.endpoint(status=None)
    assert "embedded null byte" in cloud.settle(status="Failed")["FailureReason"]


def test_a_model_that_never_loads_fails_the_ping_health_check_and_its_log_stays(cloud: Cloud) -> None:
    cloud.model(handler=NEVER_LOADS)
    cloud.config()
    cloud.endpoint(status=None)
    reason = cloud.gives_up()["FailureReason"]
    assert reason == (
        "The primary container for production variant AllTraffic did not pass the ping health check. "
        "Please check CloudWatch logs for this endpoint."
    )
    assert cloud.aws.worker_pids() == []
    lines = cloud.log_lines("endpoint")
    assert "about to fail" in lines
    assert "RuntimeError: no weights" in lines


def test_a_failed_endpoint_can_only_be_deleted(cloud: Cloud) -> None:
    cloud.model()
    cloud.s3.delete_object(Bucket=BUCKET, Key="model.tar.gz")
    cloud.config()
    cloud.endpoint(status="Failed")
    change = {"EndpointName": "endpoint", "EndpointConfigName": "config"}
    assert "Failed" in refused(cloud.sagemaker.update_endpoint, **change)
    assert "already existing" in refused(cloud.sagemaker.create_endpoint, **change)
    cloud.delete()


def test_deleting_ends_the_workers_and_the_endpoint_is_gone(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    assert len(cloud.aws.worker_pids()) == 1
    cloud.delete()
    missing = refused(cloud.sagemaker.describe_endpoint, EndpointName="endpoint")
    assert missing == f'Could not find endpoint "{ARN}:endpoint/endpoint".'
    assert cloud.aws.worker_pids() == []
    assert [path for path in cloud.aws.run_directory.iterdir() if path.is_dir()] == []


def test_an_update_replaces_the_instances_without_a_gap(cloud: Cloud) -> None:
    cloud.model()
    cloud.model("second", HANDLER.replace("return 2", "return 3"))
    cloud.config()
    cloud.config("next", "second")
    cloud.endpoint()
    assert cloud.invoke({"x": 1})["x"] == 2
    cloud.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName="next")
    answers = []

    def updated() -> bool | None:
        answers.append(cloud.invoke({"x": 1})["x"])
        return True if answers[-1] == 3 else None

    eventually(updated)
    assert set(answers) <= {2, 3}
    assert cloud.settle()["EndpointConfigName"] == "next"
    assert len(cloud.aws.worker_pids()) == 1


def test_an_update_that_fails_leaves_the_old_instances_serving(cloud: Cloud) -> None:
    cloud.model()
    cloud.model("second")
    cloud.s3.delete_object(Bucket=BUCKET, Key="second.tar.gz")
    cloud.config()
    cloud.config("next", "second")
    cloud.endpoint()
    cloud.sagemaker.update_endpoint(EndpointName="endpoint", EndpointConfigName="next")
    description = cloud.settle()
    assert description["EndpointConfigName"] == "config"
    assert "Could not find model data" in description["FailureReason"]
    statuses = [entry.fields["status"] for entry in cloud.aws.journal.entries("endpoint.status")]
    assert statuses == ["Creating", "InService", "Updating", "RollingBack", "InService"]
    assert cloud.invoke({"x": 1})["x"] == 2


def test_capacity_can_go_to_zero_and_back(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    for count in (0, 2, 1):
        cloud.rescale(count)
        variant = cloud.settle()["ProductionVariants"][0]
        assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (count, count)
        assert len(cloud.aws.worker_pids()) == count


def test_a_real_time_variant_cannot_have_zero_instances(cloud: Cloud) -> None:
    cloud.model()
    cloud.config()
    cloud.endpoint()
    weights = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 0}]
    rescale = cloud.sagemaker.update_endpoint_weights_and_capacities
    assert "zero" in refused(rescale, EndpointName="endpoint", DesiredWeightsAndCapacities=weights)


def test_deleting_deregisters_the_scalable_target_and_its_policies(cloud: Cloud) -> None:
    cloud.model()
    cloud.async_config()
    cloud.endpoint()
    target = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/endpoint/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=0, MaxCapacity=2)
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
    }
    policy = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": steps}
    scaling.put_scaling_policy(PolicyName="wake", **target, **policy)
    cloud.delete()
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []


def test_model_data_can_be_a_prefix_of_plain_objects(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="tree/code/inference.py", Body=HANDLER)
    source = {"S3Uri": f"s3://{BUCKET}/tree/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": "image:1", "ModelDataSource": {"S3DataSource": source}}
    cloud.sagemaker.create_model(ModelName="model", PrimaryContainer=container)
    cloud.config()
    cloud.endpoint()
    assert cloud.invoke({"x": 4})["x"] == 8


def test_an_archive_with_a_path_out_of_it_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.model()
    cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({"../outside": "x"}))
    cloud.config()
    cloud.endpoint(status=None)
    assert "outside the archive" in cloud.settle(status="Failed")["FailureReason"]


def test_a_topic_that_does_not_exist_fails_the_endpoint(cloud: Cloud) -> None:
    cloud.model()
    topic = "arn:aws:sns:us-east-1:123456789012:missing"
    cloud.async_config(NotificationConfig={"SuccessTopic": topic})
    cloud.endpoint(status=None)
    reason = cloud.settle(status="Failed")["FailureReason"]
    assert f'"sns:Publish" permissions for topic "{topic}"' in reason
