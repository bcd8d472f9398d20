"""Names, tags and S3 locations."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tasks.errors import InputError
from tasks.limits import NAME_PATTERN
from tasks.names import RunNames, S3Location, checked_name, dated, hashed_name, tags
from tests.tasks.deployed import BUCKET, RUN_ID

NAMES = RunNames(RUN_ID, BUCKET)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/key", S3Location("bucket", "key")),
        ("s3://bucket/a/b c/d.jpg", S3Location("bucket", "a/b c/d.jpg")),
        ("s3://my.dotted.bucket/prefix/", S3Location("my.dotted.bucket", "prefix/")),
        ("s3://bucket", S3Location("bucket", "")),
        ("https://bucket.s3.eu-west-1.amazonaws.com/out/1.out", S3Location("bucket", "out/1.out")),
        ("https://bucket.s3.amazonaws.com/out/1.out", S3Location("bucket", "out/1.out")),
    ],
)
def test_a_location_is_read_from_both_forms_that_aws_answers_with(uri: str, expected: S3Location) -> None:
    assert S3Location.parse(uri) == expected


@pytest.mark.parametrize(
    "uri", ["", "bucket/key", "s3:/bucket/key", "s3://", "s3:///key", "s3://Bucket/key", "s3://b/k", "https://x.org/k"]
)
def test_what_is_no_location_is_quoted_with_an_example(uri: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{uri!r} is no S3 location: expected s3://BUCKET/KEY, as in")):
        S3Location.parse(uri)


def test_a_location_and_its_uri_are_the_same_thing() -> None:
    location = S3Location("bucket", "a/b")
    assert S3Location.parse(location.uri) == location


@pytest.mark.parametrize(("key", "child"), [("a", "a/c"), ("a/", "a/c"), ("", "c")])
def test_a_child_lies_one_slash_below(key: str, child: str) -> None:
    assert S3Location("bucket", key).child("c").key == child


def test_a_runs_names_are_taken_by_sagemaker_and_tell_the_run() -> None:
    for name in (NAMES.endpoint("async"), NAMES.endpoint("real-time"), NAMES.queue, NAMES.success_topic):
        assert re.fullmatch(NAME_PATTERN, name)
        assert name.startswith("stygig-")
        assert "5d1c7a52-9f3e" in name


def test_a_runs_names_differ_from_each_other_and_from_another_runs() -> None:
    def all_of(names: RunNames) -> list[str]:
        endpoints = [names.endpoint("async"), names.endpoint("real-time")]
        return [*endpoints, names.success_topic, names.error_topic, names.queue, *map(names.alarm, endpoints)]

    both = all_of(NAMES) + all_of(RunNames("6" + RUN_ID[1:], BUCKET))
    assert len(set(both)) == len(both)


def test_everything_a_run_writes_lies_under_its_prefix() -> None:
    for location in (NAMES.inputs, NAMES.outputs, NAMES.failures):
        assert location.uri.startswith(f"s3://{BUCKET}/runs/{RUN_ID}/")
        assert location.key.endswith("/")


def test_a_hashed_name_does_not_depend_on_the_order_of_the_request() -> None:
    assert hashed_name("model", {"a": 1, "b": [2]}) == hashed_name("model", {"b": [2], "a": 1})


def test_a_hashed_name_stays_what_it_was() -> None:
    assert hashed_name("model", {"a": 1}) == "model-f9d86028c6e0"


def test_a_hashed_name_changes_with_the_request() -> None:
    assert hashed_name("model", {"a": 1}) != hashed_name("model", {"a": 2})


@pytest.mark.parametrize("name", ["a", "stygig-async-1", "A-9", "a" * 63, "a--b"])
def test_a_name_that_sagemaker_takes_passes(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a.b", "a b", "ä", "a" * 64, "a" + "-" * 70 + "b", "a\n"])
def test_a_name_that_sagemaker_refuses_is_quoted_with_the_rule(name: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{name!r} is no endpoint name: letters, digits") + ".*at most 63"):
        checked_name(name)


def test_tags_say_whose_and_until_when_in_utc() -> None:
    expires = datetime(2026, 11, 22, 9, 30, tzinfo=timezone(timedelta(hours=2)))
    assert tags(RUN_ID, "tester", expires) == [
        {"Key": "stygig:run-id", "Value": RUN_ID},
        {"Key": "stygig:expires-at", "Value": "2026-11-22T07:30:00+00:00"},
        {"Key": "stygig:owner", "Value": "tester"},
    ]


def test_a_dated_name_sorts_by_time() -> None:
    before, name, after = datetime.now(UTC), dated("nightly"), datetime.now(UTC)
    assert re.fullmatch(r"nightly-\d{4}-\d\d-\d\d-\d{4}", name)
    assert f"{before:%Y-%m-%d}" <= name[8:18] <= f"{after:%Y-%m-%d}"
