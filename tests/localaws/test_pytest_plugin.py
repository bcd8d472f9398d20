from __future__ import annotations

import boto3

from localaws import LocalAws


def test_the_fixture_is_an_empty_aws_which_clients_find(local_aws: LocalAws) -> None:
    s3 = boto3.client("s3")
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket="left-behind")


def test_nothing_of_another_test_is_left(local_aws: LocalAws) -> None:
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert local_aws.clock.rate == 1.0
