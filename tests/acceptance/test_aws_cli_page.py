"""The AWS CLI commands of the documentation, run by bash as written; the output of each is checked."""

import json
import re
import time
from pathlib import Path
from typing import Any

import boto3

from tests.acceptance.conftest import ANSWERS, Shop
from tests.acceptance.rows import REPOSITORY
from tests.acceptance.test_bad_and_large import asked, jpeg, payload
from tests.deployments.localaws.cloud import eventually

PAGE = (REPOSITORY / "docs" / "aws_cli.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"^## (.+?)$.*?```bash\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
GROUP = "/aws/sagemaker/Endpoints/fashion"
NAMED = re.findall(r"`(aws [a-z-]+ [a-z-]+ [^`]+)`", (REPOSITORY / "docs" / "runbook.md").read_text("utf-8"))


def parsed(printed: str) -> list[Any]:
    """The JSON documents that were printed one after the other."""
    found, decoder, rest = [], json.JSONDecoder(), printed.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def printed(shop: Shop, script: str, **variables: str) -> str:
    done = shop.shell(script, ENDPOINT="fashion", OUTPUT=f"{ANSWERS}/", TOPIC=shop.topic, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_block_has_a_test() -> None:
    assert set(BLOCKS) == {"The endpoint", "Results", "The log", "Notifications"}


def test_the_endpoint_is_described(shop: Shop) -> None:
    endpoint, scaling = parsed(printed(shop, BLOCKS["The endpoint"]))
    assert (endpoint["EndpointName"], endpoint["EndpointStatus"]) == ("fashion", "InService")
    (target,) = scaling["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"]) == ("endpoint/fashion/variant/AllTraffic", 0)


def test_results_are_listed_and_downloaded(shop: Shop) -> None:
    ended, document = asked(shop, payload(jpeg(64)))
    assert ended == "Output"
    listed = boto3.client("s3").list_objects_v2(Bucket=ANSWERS.split("/")[2])["Contents"]
    key = max(listed, key=lambda each: each["LastModified"])["Key"]
    found = printed(shop, BLOCKS["Results"], LOCATION=f"s3://{ANSWERS.split('/')[2]}/{key}")
    assert Path(key).name in found
    lines = [f"{each['rank']}. {each['path']} {each['score']}" for each in document["recommendations"]]
    assert found.splitlines()[-5:] == lines


def test_the_log_is_read_and_its_errors_are_counted_by_kind(shop: Shop) -> None:
    before = errors(shop)
    for body in (b"{", payload(b"no picture"), b"[", payload(jpeg(64), top_k=99)):
        asked(shop, body)
    eventually(lambda: sum(errors(shop).values()) == sum(before.values()) + 4 or None)
    found = printed(shop, BLOCKS["The log"])
    assert re.search(r"^AllTraffic/i-", found)
    assert '"event": "cold_start"' in found
    counted = {kind: int(number) for number, kind in re.findall(r"^ *(\d+) (\w+)$", found, re.MULTILINE)}
    assert counted == errors(shop)
    for kind, number in {"malformed_json": 1, "not_an_image": 1, "invalid_top_k": 1, "invalid_request": 0}.items():
        assert counted.get(kind, 0) >= before.get(kind, 0) + number


def errors(shop: Shop) -> dict[str, int]:
    """The errors in the endpoint's log, counted without the CLI."""
    found: dict[str, int] = {}
    for line in shop.cloud.log_lines("fashion"):
        kind = json.loads(line).get("error") if line.startswith("{") else None
        if kind:
            found[kind] = found.get(kind, 0) + 1
    return found


def test_what_the_second_version_asks_for_to_follow_a_log_is_answered(shop: Shop) -> None:
    """`aws logs tail` asks this way; the installed version of the CLI doesn't have it."""
    since = int((time.time() - 600) * 1000)
    asking: Any = {"logGroupName": GROUP, "interleaved": True, "startTime": since}
    pages = boto3.client("logs").get_paginator("filter_log_events").paginate(**asking)
    lines = [each["message"] for page in pages for each in page["events"]]
    assert any('"event": "cold_start"' in line for line in lines)


def test_an_address_is_subscribed_and_pending(shop: Shop) -> None:
    subscribed, listed = parsed(printed(shop, BLOCKS["Notifications"]))
    assert subscribed["SubscriptionArn"] == "pending confirmation"
    (found,) = [each for each in listed["Subscriptions"] if each["Protocol"] == "email"]
    assert (found["Endpoint"], found["SubscriptionArn"]) == ("somebody@example.com", "PendingConfirmation")


def test_the_commands_that_the_runbook_names_are_answered(shop: Shop) -> None:
    commands = sorted({re.sub(r"(?<=[ /])N\b", "fashion", each) for each in NAMED} - {f"aws logs tail {GROUP}"})
    assert {command.split()[1] for command in commands} >= {"sagemaker"}
    for command in commands:
        assert printed(shop, command).strip(), command
