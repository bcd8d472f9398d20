"""The check of a queue's policy: without a statement that lets SNS send to the queue, AWS drops every message."""

from __future__ import annotations

from localaws.access.policy import Asked, Verdict, verdict

_SNS = {"Service": frozenset({"sns.amazonaws.com"})}


def lets_sns_send(policy: str | None, queue_arn: str, topic_arn: str) -> bool:
    """True if the topic may send to the queue."""
    context = {
        "aws:sourcearn": (topic_arn,),
        "aws:sourceaccount": (topic_arn.split(":")[4],),
        "aws:securetransport": ("true",),
        "aws:principalisawsservice": ("true",),
        "aws:principalservicename": ("sns.amazonaws.com",),
    }
    asked = Asked("sqs:SendMessage", queue_arn, context)
    return policy is not None and verdict([policy], asked, _SNS) is Verdict.ALLOWED
