"""All that lies in the embedded AWS's account, to be compared with what lies there later."""

from typing import Any

import boto3


def everything() -> dict[str, Any]:
    """Every listing of what runs make, and every object with its bytes."""
    scaling = boto3.client("application-autoscaling")
    sagemaker, sns, scheduler = boto3.client("sagemaker"), boto3.client("sns"), boto3.client("scheduler")
    return {
        "objects": objects(),
        "topics": sns.list_topics()["Topics"],
        "subscriptions": sns.list_subscriptions()["Subscriptions"],
        "queues": boto3.client("sqs").list_queues().get("QueueUrls", []),
        "groups": scheduler.list_schedule_groups()["ScheduleGroups"],
        "schedules": scheduler.list_schedules()["Schedules"],
        "models": sagemaker.list_models()["Models"],
        "configs": sagemaker.list_endpoint_configs()["EndpointConfigs"],
        "endpoints": sagemaker.list_endpoints()["Endpoints"],
        "targets": scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"],
        "policies": scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"],
        "alarms": boto3.client("cloudwatch").describe_alarms()["MetricAlarms"],
    }


def objects() -> dict[str, dict[str, bytes]]:
    """The objects of each bucket by key."""
    s3, found = boto3.client("s3"), {}
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        found[bucket] = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return found
