"""Searches for what rows.yaml says is missing: they tell the developer who builds it to link its tests.

Each search is strictly expected to fail: one that succeeds fails the suite.
"""

import re
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest
import typer

from localaws import LocalAws
from stygig.cli import app
from tests.acceptance.rows import REPOSITORY, read_rows


def has_command(*names: str) -> bool:
    return bool(commands().keys() & set(names))


def commands() -> dict[str, set[str]]:
    """The options of each command of the command line."""
    group: Any = typer.main.get_command(app)
    return {
        name: {option for each in command.params for option in each.opts} for name, command in group.commands.items()
    }


def has_option(command: str, word: str) -> bool:
    return any(word in option for option in commands()[command])


def has_file(*words: str) -> bool:
    """True if a file outside the embedded AWS has one of these words in its path."""
    return any(word in name for name in files() for word in words)


def files() -> list[str]:
    folders = ["flows", "tasks", "deployments", "inference_src"]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in listed if not name.startswith("deployments/localaws/")]


def has_client_class() -> bool:
    """True if there is a class called …Client that an application could use."""
    texts = ((REPOSITORY / name).read_text("utf-8") for name in files() if name.endswith(".py"))
    return any(re.search(r"^class \w*Client\b", text, re.MULTILINE) for text in texts)


def e_mail_can_be_confirmed() -> bool:
    """True if the journal shows the message sent to an address, which has its token."""
    with LocalAws() as aws:
        sns = boto3.client("sns", endpoint_url=aws.endpoint_url, **credentials(aws))
        topic = sns.create_topic(Name="topic")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="somebody@example.com")
        return any("somebody@example.com" in str(entry.fields) for entry in aws.journal.entries())


def credentials(aws: LocalAws) -> dict[str, Any]:
    own = aws.environment()
    return {
        "aws_access_key_id": own["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": own["AWS_SECRET_ACCESS_KEY"],
        "region_name": own["AWS_DEFAULT_REGION"],
    }


SOUGHT: dict[str, Callable[[], bool]] = {
    "S37": e_mail_can_be_confirmed,
    "S51": has_client_class,
    "S53": partial(has_command, "cut-over", "cutover", "promote", "replace", "switch", "migrate"),
    "S67": partial(has_file, "gateway", "http_front", "http_api", "front.py"),
    "S68": partial(has_file, "webhook", "web_hook"),
    "S69": partial(has_file, "retry", "retries", "dead_letter"),
    "S73": partial(has_file, "throttl", "token_bucket", "rate_limit"),
}


def not_yet(name: str) -> Any:
    reason = read_rows()[name].missing
    return pytest.param(name, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


@pytest.mark.parametrize("name", [not_yet(name) for name in SOUGHT])
def test_it_is_there(name: str) -> None:
    assert SOUGHT[name](), read_rows()[name].missing


def test_a_search_finds_what_is_there() -> None:
    """Without this, the searches above could fail for ever."""
    assert has_command("teardown")
    assert has_option("deploy", "sns-topic")
    assert has_file("teardown")
    assert not has_file("localaws")
