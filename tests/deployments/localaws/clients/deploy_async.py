"""Deploys an asynchronous endpoint, invokes it and deletes it, written from AWS's documentation with boto3 alone.

It knows nothing of where AWS is: credentials, region and, if need be, an endpoint's address come from the environment.
"""
# ruff: noqa: T201 - it is a program

import io
import json
import tarfile
import time

import boto3
from botocore.exceptions import ClientError

INFERENCE = b"""
import json

def model_fn(model_dir):
    return 3

def input_fn(body, content_type):
    return json.loads(body)

def predict_fn(data, model):
    return {"product": data["factor"] * model}

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""
NAME = "documented-async-endpoint"

session = boto3.Session()
region = session.region_name
account = session.client("sts").get_caller_identity()["Account"]
bucket = f"sagemaker-{region}-{account}"
s3, iam, sns = session.client("s3"), session.client("iam"), session.client("sns")
sagemaker, runtime = session.client("sagemaker"), session.client("sagemaker-runtime")

location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
s3.create_bucket(Bucket=bucket, **location)

service = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = iam.create_role(
    RoleName="AmazonSageMaker-ExecutionRole-documented",
    AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [service]}),
)["Role"]
topic = sns.create_topic(Name="documented-async-results")["TopicArn"]
objects = {
    "Effect": "Allow",
    "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
    "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
}
publish = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
iam.put_role_policy(
    RoleName=role["RoleName"],
    PolicyName="inference",
    PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [objects, publish]}),
)

archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w:gz") as tar:
    member = tarfile.TarInfo("code/inference.py")
    member.size = len(INFERENCE)
    tar.addfile(member, io.BytesIO(INFERENCE))
archive.seek(0)
s3.upload_fileobj(archive, bucket, "model/model.tar.gz")

image = f"763104351884.dkr.ecr.{region}.amazonaws.com/pytorch-inference:2.6.0-cpu-py312-ubuntu22.04-sagemaker"
sagemaker.create_model(
    ModelName=NAME,
    ExecutionRoleArn=role["Arn"],
    PrimaryContainer={
        "Image": image,
        "ModelDataUrl": f"s3://{bucket}/model/model.tar.gz",
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    },
)
sagemaker.create_endpoint_config(
    EndpointConfigName=NAME,
    ProductionVariants=[
        {"VariantName": "variant1", "ModelName": NAME, "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
    ],
    AsyncInferenceConfig={
        "OutputConfig": {
            "S3OutputPath": f"s3://{bucket}/output",
            "S3FailurePath": f"s3://{bucket}/failure",
            "NotificationConfig": {"SuccessTopic": topic, "ErrorTopic": topic},
        },
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 4},
    },
)
sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 1800})
print("status", sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"])


def invoke(request: dict[str, int], key: str) -> tuple[str, str]:
    """Uploads a request, invokes, and waits for the object with the answer or the failure."""
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(request), ContentType="application/json")
    accepted = runtime.invoke_endpoint_async(
        EndpointName=NAME,
        InputLocation=f"s3://{bucket}/{key}",
        ContentType="application/json",
        InvocationTimeoutSeconds=600,
    )
    while True:
        for name in ("OutputLocation", "FailureLocation"):
            try:
                found = s3.get_object(Bucket=bucket, Key=accepted[name].removeprefix(f"s3://{bucket}/"))
                return name, found["Body"].read().decode()
            except ClientError as error:
                if error.response["Error"]["Code"] != "NoSuchKey":
                    raise
        time.sleep(0.1)


print("answer", *invoke({"factor": 14}, "input/good.json"))
print("failure", invoke({"wrong": 14}, "input/bad.json")[0])

sagemaker.delete_endpoint(EndpointName=NAME)
sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 600})
sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
sagemaker.delete_model(ModelName=NAME)
print("left", sagemaker.list_endpoints()["Endpoints"] + sagemaker.list_models()["Models"])
