"""The reading of policy documents: elements, wildcards, variables and the operators of conditions."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.access.policy import Asked, Verdict, verdict
from tests.deployments.localaws.callers import allow, deny, document

READ = "s3:GetObject"
OBJECT = "arn:aws:s3:::bucket/runs/me/1"
CONTEXT = {
    "aws:username": ("me",),
    "aws:tagkeys": ("owner", "team"),
    "aws:sourcearn": ("arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",),
    "aws:securetransport": ("true",),
    "aws:sourceip": ("10.1.2.3",),
    "aws:currenttime": ("2026-11-22T10:00:00+00:00",),
    "s3:max-keys": ("10",),
}


def says(*statements: dict[str, Any], action: str = READ, resource: str = OBJECT) -> str:
    return verdict([document(*statements)], Asked(action, resource, CONTEXT)).value


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], "silent"),
        ([allow("*")], "allowed"),
        ([allow("S3:get*")], "allowed"),
        ([allow("s3:GetObj?ct")], "allowed"),
        ([allow("s3:Get")], "silent"),
        ([allow("s3:*"), deny("s3:GetObject")], "denied"),
        ([allow(READ, resource="arn:aws:s3:::bucket/*")], "allowed"),
        ([allow(READ, resource="arn:aws:s3:::bucket")], "silent"),
        ([allow(READ, resource=["arn:aws:s3:::other/*", "arn:aws:s3:::*/1"])], "allowed"),
        ([allow(READ, resource="arn:aws:s3:::bucket/runs/${aws:username}/*")], "allowed"),
        ([allow(READ, resource="arn:aws:s3:::bucket/runs/${aws:PrincipalTag/team}/*")], "silent"),
        ([allow(READ, resource="arn:aws:s3:::bucket/runs/${aws:PrincipalTag/team, 'me'}/*")], "allowed"),
        ([allow(READ, resource="arn:aws:s3:::bucket/${*}")], "silent"),
        ([{"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}], "allowed"),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], "silent"),
        ([{"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::bucket/*"}], "silent"),
        ([{"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::other/*"}], "denied"),
    ],
)
def test_statements(statements: list[dict[str, Any]], expected: str) -> None:
    assert says(*statements) == expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"AWS:UserName": "me"}}, True),
        ({"StringEquals": {"aws:username": ["you", "me"]}}, True),
        ({"StringEquals": {"aws:username": "m*"}}, False),
        ({"StringLike": {"aws:username": "m*"}}, True),
        ({"StringNotEquals": {"aws:username": ["you", "me"]}}, False),
        ({"StringNotLike": {"aws:username": "y*"}}, True),
        ({"StringEqualsIgnoreCase": {"aws:username": "ME"}}, True),
        ({"StringEquals": {"aws:absent": "x"}}, False),
        ({"StringNotEquals": {"aws:absent": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:absent": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:username": "you"}}, False),
        ({"Null": {"aws:absent": "true", "aws:username": "false"}}, True),
        ({"Null": {"aws:username": True}}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["owner", "team", "more"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["owner"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:absent": ["owner"]}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["owner"]}}, True),
        ({"ForAnyValue:StringEquals": {"aws:absent": ["owner"]}}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["owner"]}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:123456789012:endpoint/*"}}, True),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:sagemaker:*:endpoint/*"}}, False),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}, True),
        ({"Bool": {"aws:SecureTransport": False}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, True),
        ({"NumericGreaterThan": {"s3:max-keys": "10"}}, False),
        ({"NumericEquals": {"aws:username": "10"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}, False),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"StringEquals": {"aws:username": "me"}, "Bool": {"aws:SecureTransport": "false"}}, False),
        ({"NoSuchOperator": {"aws:username": "me"}}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    assert says(allow(READ, Condition=condition)) == ("allowed" if holds else "silent")


@pytest.mark.parametrize(
    ("principal", "meant"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ["arn:aws:iam::1:user/other", "arn:aws:iam::1:user/me"]}, True),
        ({"AWS": "arn:aws:iam::1:user/other"}, False),
        ({"Service": "sns.amazonaws.com"}, False),
    ],
)
def test_principals(principal: Any, meant: bool) -> None:
    names = {"AWS": frozenset({"arn:aws:iam::1:user/me"})}
    for element, expected in ("Principal", meant), ("NotPrincipal", not meant):
        said = verdict([document({**allow(READ), element: principal})], Asked(READ, OBJECT, {}), names)
        assert said is (Verdict.ALLOWED if expected else Verdict.SILENT)
