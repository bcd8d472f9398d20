from __future__ import annotations

import boto3
import pytest

from localaws import LocalAws


def test_the_fixture_is_an_empty_aws_which_clients_find(local_aws: LocalAws) -> None:
    s3 = boto3.client("s3")
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket="left-behind")


@pytest.fixture
def led_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")


def test_whatever_led_clients_elsewhere_does_not_meanwhile(led_elsewhere: None, local_aws: LocalAws) -> None:
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_nothing_of_another_test_is_left(local_aws: LocalAws) -> None:
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert local_aws.clock.rate == 1.0
