"""Callers of an embedded AWS that enforces IAM: users with few permissions, and their clients."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localaws import LocalAws

ACCOUNT = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/caller"
CONFIG = Config(retries={"max_attempts": 1})


def document(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions: str, resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """A statement that denies."""
    return {**allow(*actions, resource=resource, **more), "Effect": "Deny"}


def everything_but(*actions: str) -> dict[str, Any]:
    """A statement that allows all but these actions."""
    return {"Effect": "Allow", "NotAction": list(actions), "Resource": "*"}


class Caller:
    """An IAM user and its clients; `may` replaces its policy."""

    def __init__(self, aws: LocalAws, name: str = "caller") -> None:
        self.name = name
        self._endpoint_url = aws.endpoint_url
        self._root = aws.environment()
        self.iam = self._client("iam", self._root["AWS_ACCESS_KEY_ID"], self._root["AWS_SECRET_ACCESS_KEY"])
        self.iam.create_user(UserName=name)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        self.key: tuple[str, ...] = (key["AccessKeyId"], key["SecretAccessKey"])

    def may(self, *statements: dict[str, Any]) -> None:
        """Gives the user these permissions and no others."""
        self.iam.put_user_policy(UserName=self.name, PolicyName="only", PolicyDocument=document(*statements))

    def client(self, service: str) -> Any:
        """A client that signs as the user."""
        return self._client(service, *self.key)

    def assume(self, role_arn: str, **more: Any) -> Caller:
        """The caller as a session of the role."""
        answer = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="session", **more)["Credentials"]
        session = Caller.__new__(Caller)
        session.__dict__.update(self.__dict__)
        session.key = (answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
        return session

    def _client(self, service: str, *key: str) -> Any:
        return boto3.client(
            service,
            "us-east-1",
            endpoint_url=self._endpoint_url,
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            aws_session_token=key[2] if len(key) == 3 else None,
            config=CONFIG,
        )


def error(call: Any, **parameters: Any) -> ClientError:
    """The error that the call raises."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return raised.value


def code(raised: ClientError) -> str:
    """The error's code."""
    return str(raised.response["Error"]["Code"])


def text(raised: ClientError) -> str:
    """The error's message."""
    return str(raised.response["Error"]["Message"])
