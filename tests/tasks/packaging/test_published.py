"""The latest model: the one that was packaged last, whatever the dates of objects say."""

import json

import boto3
import pytest

from tasks.errors import ArtifactError, NotFoundError
from tasks.packaging.published import publish_latest, resolve_model
from tasks.plan import RunPlan
from tests.tasks.deployed import BUCKET


def put(version: str, said: str = "") -> str:
    """Upload only the manifest of a packaged model and return the model's URI."""
    body = json.dumps({"model_version": said or version}).encode()
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"models/{version}/files/manifest.json", Body=body)
    return f"s3://{BUCKET}/models/{version}/model.tar.gz"


def test_a_uri_is_itself(plan: RunPlan) -> None:
    assert resolve_model("s3://mine/model.tar.gz", BUCKET) == "s3://mine/model.tar.gz"


def test_the_latest_is_what_was_packaged_last_even_if_its_objects_are_older(plan: RunPlan) -> None:
    old, new = put("aaa"), put("bbb")
    publish_latest(BUCKET, new, "bbb")
    assert resolve_model("latest", BUCKET) == new
    publish_latest(BUCKET, old, "aaa")
    assert resolve_model("latest", BUCKET) == old


def test_without_any_the_command_that_makes_one_is_named(plan: RunPlan) -> None:
    with pytest.raises(NotFoundError, match=rf"There is no latest model in {BUCKET}: .*`stygig package` makes one"):
        resolve_model("latest", BUCKET)


def test_a_latest_model_that_was_removed_is_not_found(plan: RunPlan) -> None:
    publish_latest(BUCKET, f"s3://{BUCKET}/models/gone/model.tar.gz", "gone")
    with pytest.raises(NotFoundError, match="gone/files/manifest"):
        resolve_model("latest", BUCKET)


def test_a_model_that_is_not_what_the_pointer_says_is_refused(plan: RunPlan) -> None:
    publish_latest(BUCKET, put("aaa", said="bbb"), "aaa")
    with pytest.raises(ArtifactError, match=r"the latest model is aaa, but .* is bbb"):
        resolve_model("latest", BUCKET)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"uri": 1}'])
def test_a_pointer_that_can_not_be_read_is_named(plan: RunPlan, content: bytes) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key="models/latest.json", Body=content)
    with pytest.raises(ArtifactError, match=r"models/latest\.json can't be read"):
        resolve_model("latest", BUCKET)
