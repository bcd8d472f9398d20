"""The execution role: the services that SageMaker uses with it, and the credentials that containers get."""

from __future__ import annotations

from collections.abc import Callable

from moto.sts.models import sts_backends

from localaws.access.judgement import judge
from localaws.access.policy import Asked
from localaws.access.principals import find_role, role_session, trusts, trusts_sagemaker
from localaws.sagemaker.hosting import Hosting
from localaws.services.moto_services import ACCOUNT, MotoServices, Refused

SCHEDULER = "scheduler.amazonaws.com"
SESSION_NAME = "SageMaker"
SESSION_SECONDS = 43_200  # the longest session that STS gives


def can_be_assumed(hosting: Hosting, region: str, role_arn: str) -> bool:
    """True if SageMaker can take the role: it must exist and, where IAM is enforced, trust SageMaker."""
    if hosting.options.enforce_iam:
        return trusts_sagemaker(role_arn, region)
    return MotoServices(region).has_role(role_arn)


def can_be_assumed_by_scheduler(hosting: Hosting, region: str, role_arn: str, group_arn: str) -> bool:
    """The same for EventBridge Scheduler, which says for which group of schedules it takes the role."""
    if hosting.options.enforce_iam:
        return trusts(role_arn, SCHEDULER, group_arn)
    return MotoServices(region).has_role(role_arn)


def services_as(hosting: Hosting, region: str, role: Callable[[], str | None]) -> MotoServices:
    """The region's services as the role may use them; `role` is called at each use, because updates may change it."""
    if not hosting.options.enforce_iam:
        return MotoServices(region)

    def refused(action: str, resource: str, context: dict[str, tuple[str, ...]]) -> Refused | None:
        role_arn = role() or ""
        session = role_session(role_arn, SESSION_NAME) if trusts_sagemaker(role_arn, region) else None
        if session is None:
            return Refused(role_arn, f"the role {role_arn} can not be assumed by SageMaker")
        why = judge(session, Asked(action, resource, {**session.context, **context}), hosting.journal)
        return Refused(role_arn, why.sentence(action, resource)) if why is not None else None

    return MotoServices(region, refused)


def container_credentials(region: str, role_arn: str | None, session_name: str) -> dict[str, str]:
    """The environment variables with the credentials of a session; none for a role that moto's IAM does not know."""
    if role_arn is None or find_role(role_arn) is None:
        return {}
    session = sts_backends[ACCOUNT]["aws"].assume_role(region, session_name, role_arn, "", SESSION_SECONDS, "")
    return {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
    }
