"""The sources that model data may come from, and the model data that is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.sagemaker.instances.artifact import place_model_data, remove_model_data
from localaws.services.moto_services import MotoServices
from tests.deployments.localaws.cloud import BUCKET, HANDLER, Cloud, archive

WRITES = """
import os
def model_fn(model_dir): return model_dir
def transform_fn(model_dir, body, content_type, accept):
    own = os.path.join(model_dir, "code", "inference.py")
    tries = (lambda: open(own, "a"), lambda: os.remove(own), lambda: open(os.path.join(model_dir, "new"), "w"))
    return " ".join(outcome(each) for each in tries), "text/plain"
def outcome(attempt):
    try:
        attempt()
    except OSError as exc:
        return type(exc).__name__
    return "done"
"""


def source(uri: str, kind: str = "S3Prefix", compression: str = "None") -> dict[str, Any]:
    return {
        "ModelDataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": kind, "CompressionType": compression}},
    }


def refusal(cloud: Cloud, container: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as refused:
        cloud.sagemaker.create_model(ModelName="model", PrimaryContainer={"Image": "image:1", **container})
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    return str(refused.value.response["Error"]["Message"])


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_source_that_contradicts_itself_is_refused(cloud: Cloud) -> None:
    both = {**source(f"s3://{BUCKET}/tree/"), "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
    assert "cannot both be specified" in refusal(cloud, both)
    assert 'ends with "/"' in refusal(cloud, source(f"s3://{BUCKET}/tree"))
    assert "Gzip is not supported" in refusal(cloud, source(f"s3://{BUCKET}/tree/", compression="Gzip"))
    assert "enum value set: [None, Gzip]" in refusal(cloud, source(f"s3://{BUCKET}/tree/", compression="Zip"))


@pytest.mark.parametrize(
    ("kind", "compression", "key", "expected"),
    [
        ("S3Prefix", "None", "tree/", {"a": b"a", "code/inference.py": HANDLER.encode()}),
        ("S3Object", "None", "tree/code/inference.py", {"inference.py": HANDLER.encode()}),
        ("S3Object", "Gzip", "model.tar.gz", {"code/inference.py": b"x"}),
    ],
)
def test_objects_become_the_files_that_the_source_describes(
    cloud: Cloud, tmp_path: Path, kind: str, compression: str, key: str, expected: dict[str, bytes]
) -> None:
    cloud.s3.put_object(Bucket=BUCKET, Key="tree/a", Body=b"a")
    cloud.s3.put_object(Bucket=BUCKET, Key="tree/code/inference.py", Body=HANDLER)
    cloud.s3.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=archive({"code/inference.py": "x"}))
    folder = tmp_path / "model"
    place_model_data(source(f"s3://{BUCKET}/{key}", kind, compression), MotoServices("us-east-1"), folder)
    assert files(folder) == expected
    remove_model_data(folder)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["tree/", "tree/a"], 'has the key "", which cannot be a file'),
        (["tree/code/", "tree/code/a"], 'has the key "code/", which cannot be a file'),
        (["tree/../a"], 'has the key "../a", which cannot be a file'),
        (["tree/./a"], 'has the key "./a", which cannot be a file'),
        (["tree//a"], 'has the key "/a", which cannot be a file'),
        ([f"tree/{'n' * 256}"], "each part of it must be 1 to 255 bytes long"),
        (["tree/weights", "tree/weights/part1"], 'has "weights" as a file and as a folder'),
        ([], "Could not find model data at s3://models/tree/."),
    ],
)
def test_keys_which_cannot_be_files_fail_the_endpoint(cloud: Cloud, keys: list[str], reason: str) -> None:
    for key in keys:
        cloud.s3.put_object(Bucket=BUCKET, Key=key)
    cloud.sagemaker.create_model(
        ModelName="model", PrimaryContainer={"Image": "image:1", **source(f"s3://{BUCKET}/tree/")}
    )
    cloud.config()
    cloud.endpoint(status=None)
    assert reason in cloud.settle(status="Failed")["FailureReason"]


def test_a_handler_cannot_change_its_model_data(cloud: Cloud) -> None:
    cloud.model(handler=WRITES)
    cloud.config()
    cloud.endpoint()
    refused = cloud.runtime.invoke_endpoint(EndpointName="endpoint", Body=b"")["Body"].read()
    assert refused == b"PermissionError PermissionError PermissionError"


def test_an_environment_is_bounded_and_what_else_a_model_and_a_configuration_say_is_kept(cloud: Cloud) -> None:
    variables = {f"NAME_{number}": "v" * 1024 for number in range(100)}
    assert "less than or equal to 100" in refusal(cloud, {"Environment": {**variables, "ONE_MORE": ""}})
    assert "less than or equal to 1024" in refusal(cloud, {"Environment": {"NAME": "v" * 1025}})
    assert "failed to satisfy constraint" in refusal(cloud, {"Environment": {"not a name": ""}})
    network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    container = {"Image": "image:1", "Environment": variables}
    cloud.sagemaker.create_model(
        ModelName="model", PrimaryContainer=container, EnableNetworkIsolation=True, VpcConfig=network
    )
    model = cloud.sagemaker.describe_model(ModelName="model")
    assert model["PrimaryContainer"]["Environment"] == variables
    assert (model["EnableNetworkIsolation"], model["VpcConfig"]) == (True, network)
    cloud.async_config(KmsKeyId="alias/output")
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd"
    cloud.config("encrypted", KmsKeyId=key)
    described = cloud.sagemaker.describe_endpoint_config(EndpointConfigName="encrypted")
    assert described["KmsKeyId"] == key
    assert [name for name, value in described.items() if value in ({}, [], None)] == []
    with pytest.raises(ClientError, match=r"at 'asyncInferenceConfig\.outputConfig\.kmsKeyId' failed to satisfy"):
        cloud.async_config("bad", KmsKeyId="no key!")
