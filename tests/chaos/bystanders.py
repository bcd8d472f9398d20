"""Somebody else's resources in the account, with names that look like ours."""

import io
import tarfile
from dataclasses import dataclass
from typing import Any

import boto3

HANDLER = b"def model_fn(model_dir): return None\ndef predict_fn(data, model): return data\n"
NAME = "stygig-theirs"
BUCKET = "theirs-alone"


@dataclass
class Bystanders:
    """Somebody else's resources, as they looked when they were made."""

    before: dict[str, Any]

    @classmethod
    def made(cls) -> "Bystanders":
        s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="runs/theirs/input/picture.jpg", Body=b"theirs")
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            member = tarfile.TarInfo("code/inference.py")
            member.size = len(HANDLER)
            tar.addfile(member, io.BytesIO(HANDLER))
        s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive.getvalue())
        role = boto3.client("iam").list_roles()["Roles"][0]["Arn"]
        container = {"Image": "image:1", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        sagemaker.create_model(ModelName=NAME, PrimaryContainer=container, ExecutionRoleArn=role)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": NAME,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig={"Delay": 1})
        topic = boto3.client("sns").create_topic(Name=NAME)["TopicArn"]
        odd = {"stygig:run-id": "", "stygig:expires-at": "2020-01-01T00:00:00+00:00"}
        boto3.client("sqs").create_queue(QueueName=f"{NAME}-odd", tags=odd)
        boto3.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:123456789012:{NAME}-odd"
        )
        return cls(looked_at())

    def changed(self) -> list[str]:
        """The resources that have changed since then, each as it was and as it is."""
        now = looked_at()
        return [f"{name}: {self.before[name]} -> {now[name]}" for name in now if now[name] != self.before[name]]


def looked_at() -> dict[str, Any]:
    sagemaker = boto3.client("sagemaker")
    return {
        "endpoint": sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"],
        "config": sagemaker.describe_endpoint_config(EndpointConfigName=NAME)["EndpointConfigName"],
        "model": sagemaker.describe_model(ModelName=NAME)["ModelName"],
        "topics": [t["TopicArn"] for t in boto3.client("sns").list_topics()["Topics"] if NAME in t["TopicArn"]],
        "queues": boto3.client("sqs").list_queues(QueueNamePrefix=NAME).get("QueueUrls"),
        "objects": [o["Key"] for o in boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]],
    }
