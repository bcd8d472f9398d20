"""The gate that judges every call over HTTP before it is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from moto.iam.models import iam_backends
from moto.s3.models import FakeKey, s3_backends

from localaws.access import refusals, signers
from localaws.access.conditions import Context
from localaws.access.judgement import judge
from localaws.access.need import Need
from localaws.access.needs import SCALING_ROLE, SCALING_SERVICE, needs_of
from localaws.access.policy import Asked, Verdict, verdict
from localaws.access.principals import ANONYMOUS, ROOT_USER_ARN, Principal, find_role, find_role_named, principal_of
from localaws.access.resource_policies import resource_policy
from localaws.access.s3 import bucket_policies, object_lists, post_form, presigned
from localaws.access.s3.gate import S3Gate
from localaws.access.s3.needs import READING, bucket_arn, object_arn, s3_needs
from localaws.calls import Call
from localaws.errors import AwsError
from localaws.sagemaker.hosting import Hosting
from localaws.sagemaker.state import State
from localaws.services.moto_services import ACCOUNT, kms_arn

# Calls that AWS answers to every caller with credentials, whatever the policies say.
_FREE = ("sts:GetCallerIdentity",)


@dataclass(frozen=True)
class AccessGate:
    """A gate that refuses, with the service's error, a call that its caller may not make; `root_key` may make all.

    Where IAM is not enforced, every key may make all calls, too, and only unsigned requests to S3 are judged.
    """

    hosting: Hosting
    state: State
    root_key: str

    def __call__(self, call: Call) -> None:
        """Judge one call."""
        bucket_policies.judged_elsewhere(frozenset() if self._enforces else None)
        if call.service == "s3" and post_form.is_form(call):
            self._judge_form(call)
            return
        call = signers.as_signed(call)
        if self._enforces and call.action == "sts:AssumeRole" and call.access_key == self.root_key:
            _refuse_missing_role(call.parameters.get("RoleArn", ""))
        if not self._judges(call) or _is_open(call):
            if call.service == "s3" and not self._enforces:
                bucket_policies.judged_elsewhere(_denied_by_bucket(call))
            return
        principal = _caller(call, presigned.token_of(call))
        if call.action in _FREE:
            return
        with self.hosting.lock:
            needs = needs_of(call, self.state)
        context = {**_request_context(call), **principal.context}
        denied = [need for need in needs if not self._met(call, principal, need, context)]
        bucket_policies.judged_elsewhere(frozenset(need.resource for need in denied))
        if call.service == "s3" and call.operation in READING:
            self._look_at_object(call, principal, context)
        if any(need.action == "iam:CreateServiceLinkedRole" for need in needs) and call.service != "iam":
            _create_scaling_role()

    @property
    def _enforces(self) -> bool:
        return self.hosting.options.enforce_iam

    def _judges(self, call: Call) -> bool:
        if signers.is_anonymous(call):
            return not signers.asks_of_missing_bucket(call)
        return self._enforces and call.access_key != self.root_key

    def _judge_form(self, call: Call) -> None:
        form = post_form.form_of(call)
        call = replace(call, access_key=form.access_key, operation="PutObject")
        if not self._judges(call):
            return
        principal = _caller(call, form.fields.get(presigned.TOKEN))
        need = Need("s3:PutObject", object_arn(call.bucket or "", form.fields["key"]))
        self._met(call, principal, need, {**_request_context(call), **principal.context})

    def _met(self, call: Call, principal: Principal, need: Need, context: Context) -> bool:
        refused = judge(principal, Asked(need.action, need.resource, {**context, **need.context}), self.hosting.journal)
        if refused is None or (not refused.explicit and object_lists.lets_everybody_read(call, need)):
            return True
        if need.per_key:
            return False
        if need.error is not None:
            raise need.error(refused.sentence(need.action, need.resource))
        raise refusals.denied(call.service, call.operation, refused)

    def _look_at_object(self, call: Call, principal: Principal, context: Context) -> None:
        """Require permission to use an encrypted object's KMS key and, for a missing object, to list the bucket."""
        bucket = s3_backends[ACCOUNT]["aws"].buckets.get(call.bucket)
        if bucket is None:
            return
        found = bucket.keys.get(call.key)
        if not isinstance(found, FakeKey):
            # S3 answers 404 only to callers who may list the bucket, 403 to others.
            self._met(call, principal, Need("s3:ListBucket", bucket_arn(bucket.name)), context)
        elif found.kms_key_id:
            self._met(call, principal, Need("kms:Decrypt", kms_arn(call.region, found.kms_key_id)), context)


def access_gates(hosting: Hosting, state: State, root_key: str) -> tuple[S3Gate | AccessGate, ...]:
    """The gate for what S3 always checks, and the gate that judges access; calls with the root key are never judged."""
    bucket_policies.apply()
    return (S3Gate(root_key), AccessGate(hosting, state, root_key))


def _caller(call: Call, token: str | None) -> Principal:
    if call.access_key is None:
        if call.service != "s3":
            raise refusals.unsigned(call.service)
        return ANONYMOUS
    principal = principal_of(call.access_key, token)
    if principal is None:
        raise refusals.unknown_key(call.service, call.operation)
    return principal


def _denied_by_bucket(call: Call) -> frozenset[str]:
    """The resources that the bucket's own policy denies to everybody, as a policy that insists on TLS does."""
    policy = resource_policy(bucket_arn(call.bucket or ""))
    if policy is None:
        return frozenset()
    names, context = (
        {"AWS": frozenset({ROOT_USER_ARN, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"})},
        _request_context(call),
    )
    asked = (Asked(need.action, need.resource, {**context, **need.context}) for need in s3_needs(call))
    return frozenset(each.resource for each in asked if verdict([policy], each, names) is Verdict.DENIED)


def _refuse_missing_role(role_arn: str) -> None:
    """Refuse the root key a role of this account that does not exist; other accounts' roles are taken on trust."""
    if role_arn.startswith(f"arn:aws:iam::{ACCOUNT}:role/") and find_role(role_arn) is None:
        text = f"User: {ROOT_USER_ARN} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
        raise AwsError("AccessDenied", text, 403)


def _is_open(call: Call) -> bool:
    """True for the requests that nobody signs.

    These are moto's own pages, links in SNS's messages, and a browser's preflight request to another site's S3.
    """
    path, action = call.request.path, call.request.args.get("Action")
    unsigned = call.access_key is None and call.request.method == "GET"
    from_message = action in ("ConfirmSubscription", "Unsubscribe") or (path.endswith(".pem") and path.count("/") == 1)
    asks_beforehand = call.service == "s3" and call.request.method == "OPTIONS"
    return path.startswith(("/moto-api", "/_localaws")) or (unsigned and from_message) or asks_beforehand


def _request_context(call: Call) -> Mapping[str, tuple[str, ...]]:
    now = datetime.now(UTC)
    return {
        "aws:requestedregion": (call.region,),
        "aws:sourceip": (call.request.remote_addr or "127.0.0.1",),
        # Loopback stands for AWS's endpoints, which speak TLS; a policy that insists on it must not fail here.
        "aws:securetransport": ("true",),
        "aws:currenttime": (now.isoformat(),),
        "aws:epochtime": (str(int(now.timestamp())),),
        "aws:useragent": (call.request.headers.get("User-Agent", ""),),
        "aws:resourceaccount": (ACCOUNT,),
    }


def _create_scaling_role() -> None:
    if find_role_named(SCALING_ROLE) is not None:
        return
    trust = {"Effect": "Allow", "Principal": {"Service": SCALING_SERVICE}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    # moto's own create_service_linked_role gives the role another name than AWS does.
    iam_backends[ACCOUNT]["aws"].create_role(
        SCALING_ROLE, document, f"/aws-service-role/{SCALING_SERVICE}/", None, "", [], "3600", SCALING_SERVICE
    )
