"""Schedules at work: at their time they call an operation, as their role may, and again if that fails."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from moto.sts.models import sts_backends

from localaws.clock import Clock
from localaws.journal import Journal
from localaws.services.moto_services import ACCOUNT
from localaws.services.scheduler.schedules import Schedule, operation_of

SESSION = "AmazonEventBridgeScheduler"
SESSION_SECONDS = 3600
# The embedded AWS calls itself: no answer takes longer, and what fails is called again a minute later.
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})


def act_on(schedule: Schedule, region: str, clock: Clock, journal: Journal, url: str) -> bool:
    """Make the call of a schedule that is due; return True if it is over: made, or given up."""
    if schedule.due_since is None:
        schedule.due_since = clock.now()
    try:
        _call(region, schedule, url)
    except (ClientError, BotoCoreError, AttributeError, ValueError, KeyError) as exc:
        schedule.attempts += 1
        most, seconds = schedule.retries
        over = schedule.attempts > most or clock.now() - schedule.due_since >= seconds
        journal.record("scheduler.failed", schedule=schedule.arn, error=str(exc), given_up=over)
        return over
    journal.record("scheduler.called", schedule=schedule.arn, target=schedule.request["Target"]["Arn"])
    return True


def _call(region: str, schedule: Schedule, url: str) -> None:
    target: dict[str, Any] = schedule.request["Target"]
    service, operation = operation_of(target) or ("", "")
    session = sts_backends[ACCOUNT]["aws"].assume_role(region, SESSION, target["RoleArn"], "", SESSION_SECONDS, "")
    client = botocore.session.get_session().create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
        aws_session_token=session.session_token,
        config=_CONFIG,
    )
    getattr(client, xform_name(operation[:1].upper() + operation[1:]))(**json.loads(target.get("Input", "{}")))
