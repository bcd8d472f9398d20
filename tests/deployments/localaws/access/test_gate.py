"""Where IAM is enforced, a caller gets AWS's own error for what its policies do not allow."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.deployments.localaws.callers import (
    ACCOUNT,
    USER,
    Caller,
    allow,
    code,
    deny,
    document,
    error,
    everything_but,
    text,
)
from tests.deployments.localaws.cloud import BUCKET, Cloud

TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:topic"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue"
ALARM = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:alarm"
MODEL = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/m"
CONFIG = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint-config/c"
ENDPOINT = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/e"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/localaws-execution"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:g:log-stream:"
TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/e/variant/v",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
TRACKING = {
    "TargetValue": 5.0,
    "CustomizedMetricSpecification": {"MetricName": "m", "Namespace": "n", "Statistic": "Average"},
}
CONTAINER = {"Image": "image:1"}
VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
TAGS = [{"Key": "owner", "Value": "me"}]
OBJECT = {"Bucket": BUCKET, "Key": "there"}
IN_BUCKET = f"arn:aws:s3:::{BUCKET}"
URL = f"http://127.0.0.1/{ACCOUNT}/queue"


JSON, QUERY, SNS = "AccessDeniedException", "AccessDenied", "AuthorizationError"
# The call, the action without which it is refused, the resource, and the code of AWS's error.
REFUSED: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    ("s3", "get_object", OBJECT, "s3:GetObject", f"{IN_BUCKET}/there", QUERY),
    ("s3", "put_object", {**OBJECT, "Body": b"x"}, "s3:PutObject", f"{IN_BUCKET}/there", QUERY),
    ("s3", "create_multipart_upload", OBJECT, "s3:PutObject", f"{IN_BUCKET}/there", QUERY),
    ("s3", "list_objects_v2", {"Bucket": BUCKET}, "s3:ListBucket", IN_BUCKET, QUERY),
    ("s3", "list_buckets", {}, "s3:ListAllMyBuckets", "arn:aws:s3:::*", QUERY),
    ("s3", "copy_object", {**OBJECT, "CopySource": f"{BUCKET}/a b"}, "s3:GetObject", f"{IN_BUCKET}/a b", QUERY),
    ("sns", "publish", {"TopicArn": TOPIC, "Message": "m"}, "SNS:Publish", TOPIC, SNS),
    ("sns", "create_topic", {"Name": "topic", "Tags": TAGS}, "SNS:TagResource", TOPIC, SNS),
    ("sqs", "create_queue", {"QueueName": "queue"}, "sqs:createqueue", QUEUE, QUERY),
    ("sqs", "receive_message", {"QueueUrl": URL}, "sqs:receivemessage", QUEUE, QUERY),
    ("sqs", "delete_message_batch", {"QueueUrl": URL, "Entries": []}, "sqs:deletemessage", QUEUE, QUERY),
    ("iam", "get_role", {"RoleName": "localaws-execution"}, "iam:GetRole", ROLE, QUERY),
    ("cloudwatch", "delete_alarms", {"AlarmNames": ["alarm"]}, "cloudwatch:DeleteAlarms", ALARM, QUERY),
    ("cloudwatch", "list_metrics", {}, "cloudwatch:ListMetrics", "*", QUERY),
    ("logs", "filter_log_events", {"logGroupName": "g"}, "logs:FilterLogEvents", GROUP, JSON),
    ("resourcegroupstaggingapi", "get_resources", {}, "tag:GetResources", "*", JSON),
    ("sagemaker", "describe_endpoint", {"EndpointName": "e"}, "sagemaker:DescribeEndpoint", ENDPOINT, JSON),
    ("sagemaker", "list_endpoints", {}, "sagemaker:ListEndpoints", "*", JSON),
    (
        "sagemaker", "create_model", {"ModelName": "m", "PrimaryContainer": CONTAINER, "Tags": TAGS},
        "sagemaker:AddTags", MODEL, JSON,
    ),
    (
        "sagemaker", "create_model", {"ModelName": "m", "PrimaryContainer": CONTAINER, "ExecutionRoleArn": ROLE},
        "iam:PassRole", ROLE, JSON,
    ),
    (
        "sagemaker-runtime", "invoke_endpoint_async", {"EndpointName": "e", "InputLocation": "s3://b/k"},
        "sagemaker:InvokeEndpointAsync", ENDPOINT, JSON,
    ),
    (
        "sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""},
        "sagemaker:InvokeEndpoint", ENDPOINT, JSON,
    ),
    (
        "application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker"},
        "application-autoscaling:DescribeScalableTargets", "*", JSON,
    ),
    (
        "application-autoscaling", "register_scalable_target", {**TARGET, "MinCapacity": 0, "MaxCapacity": 1},
        "sagemaker:UpdateEndpointWeightsAndCapacities", ENDPOINT, "ValidationException",
    ),
    (
        "application-autoscaling", "put_scaling_policy",
        {
            **TARGET, "PolicyName": "p", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": TRACKING,
        },
        "cloudwatch:PutMetricAlarm", f"{ALARM.removesuffix('alarm')}TargetTracking-endpoint/e/variant/v-*",
        "ValidationException",
    ),
]  # fmt: skip


def test_what_is_not_allowed_is_refused_in_the_services_own_words(caller: Caller) -> None:
    for service, method, parameters, action, resource, expected in REFUSED:
        caller.may(everything_but(action))
        raised = error(getattr(caller.client(service), method), **parameters)
        shown = f'"{resource}"' if service == "s3" else resource
        assert (code(raised), text(raised)) == (
            expected,
            f"User: {USER} is not authorized to perform: {action} on resource: {shown} because no identity-based "
            f"policy allows the {action} action",
        )
        status = raised.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status == (403 if expected in (QUERY, SNS) or service == "sagemaker-runtime" else 400)


def test_create_endpoint_is_authorised_on_the_endpoint_and_on_its_configuration(caller: Caller) -> None:
    create = caller.client("sagemaker").create_endpoint
    for resources, refused in ([ENDPOINT], CONFIG), ([CONFIG], ENDPOINT):
        caller.may(allow("sagemaker:CreateEndpoint", resource=resources))
        assert f"on resource: {refused} because" in text(error(create, EndpointName="e", EndpointConfigName="c"))
    caller.may(allow("sagemaker:CreateEndpoint", resource=[ENDPOINT, CONFIG]))
    assert "Could not find endpoint configuration" in text(error(create, EndpointName="e", EndpointConfigName="c"))


def test_a_role_is_passed_only_to_the_service_named(enforced: Cloud, caller: Caller) -> None:
    for service, allowed in ("ec2.amazonaws.com", False), ("sagemaker.amazonaws.com", True):
        condition = {"StringEquals": {"iam:PassedToService": service}}
        caller.may(allow("sagemaker:CreateModel"), allow("iam:PassRole", resource=ROLE, Condition=condition))
        request = {"ModelName": service[:3], "PrimaryContainer": CONTAINER, "ExecutionRoleArn": ROLE}
        if allowed:
            caller.client("sagemaker").create_model(**request)
        else:
            assert code(error(caller.client("sagemaker").create_model, **request)) == JSON
    assert len(enforced.sagemaker.list_models()["Models"]) == 1


def test_conditions_see_the_request(enforced: Cloud, caller: Caller) -> None:
    enforced.sagemaker.create_model(ModelName="m", PrimaryContainer=CONTAINER)
    cheap = {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": "ml.t*"}}
    owned = {"StringEquals": {"aws:RequestTag/owner": "${aws:username}"}}
    create = caller.client("sagemaker").create_endpoint_config
    caller.may(allow("sagemaker:CreateEndpointConfig", Condition=cheap))
    assert code(error(create, EndpointConfigName="c", ProductionVariants=[VARIANT])) == JSON
    create(EndpointConfigName="c", ProductionVariants=[{**VARIANT, "InstanceType": "ml.t2.medium"}])
    pools = [{"InstanceType": f"ml.{name}", "Priority": 1} for name in ("t2.medium", "p3.2xlarge")]
    pooled = {name: value for name, value in VARIANT.items() if name != "InstanceType"} | {"InstancePools": pools}
    assert code(error(create, EndpointConfigName="pooled", ProductionVariants=[pooled])) == JSON
    caller.may(allow("sagemaker:*", Condition=owned))
    request = {"EndpointConfigName": "d", "ProductionVariants": [VARIANT]}
    assert code(error(create, **request, Tags=TAGS)) == JSON
    create(**request, Tags=[{"Key": "owner", "Value": "caller"}])
    caller.may(allow("cloudwatch:PutMetricData", Condition={"StringLike": {"cloudwatch:namespace": "mine/*"}}))
    data = [{"MetricName": "m", "Value": 1.0}]
    caller.client("cloudwatch").put_metric_data(Namespace="mine/app", MetricData=data)
    assert code(error(caller.client("cloudwatch").put_metric_data, Namespace="other", MetricData=data)) == QUERY


def test_a_denial_wins_and_says_so(caller: Caller) -> None:
    caller.may(allow("*"), deny("sns:*"))
    assert text(error(caller.client("sns").list_topics)).endswith(
        "not authorized to perform: SNS:ListTopics on resource: * with an explicit deny in an identity-based policy"
    )


def test_groups_and_attached_policies_count(caller: Caller) -> None:
    iam, topics = caller.iam, caller.client("sns").list_topics
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="caller")
    policy = iam.create_policy(PolicyName="list", PolicyDocument=document(allow("sns:ListTopics")))["Policy"]["Arn"]
    assert code(error(topics)) == SNS
    iam.attach_group_policy(GroupName="readers", PolicyArn=policy)
    topics()
    iam.detach_group_policy(GroupName="readers", PolicyArn=policy)
    iam.attach_user_policy(UserName="caller", PolicyArn=policy)
    topics()
    version = iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(deny("sns:*")), SetAsDefault=True)
    assert version["PolicyVersion"]["IsDefaultVersion"]
    assert "explicit deny" in text(error(topics))


def test_a_session_of_a_role_has_the_roles_permissions_within_its_boundary_and_session_policy(caller: Caller) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    boundary = caller.iam.create_policy(PolicyName="b", PolicyDocument=document(allow("sns:*")))["Policy"]["Arn"]
    role = caller.iam.create_role(
        RoleName="worker", AssumeRolePolicyDocument=document(trust), PermissionsBoundary=boundary
    )["Role"]["Arn"]
    caller.iam.put_role_policy(RoleName="worker", PolicyName="p", PolicyDocument=document(allow("sns:*", "sqs:*")))
    refused = error(caller.client("sts").assume_role, RoleArn=role, RoleSessionName="session")
    assert (code(refused), text(refused)) == (
        QUERY,
        f"User: {USER} is not authorized to perform: sts:AssumeRole on resource: {role}",
    )
    caller.may(allow("sts:AssumeRole", resource=role))
    session = caller.assume(role)
    assert session.client("sts").get_caller_identity()["Arn"].endswith(":assumed-role/worker/session")
    session.client("sns").create_topic(Name="topic")
    assert "no permissions boundary allows the sqs:listqueues" in text(error(session.client("sqs").list_queues))
    narrow = caller.assume(role, Policy=document(allow("sns:ListTopics")))
    narrow.client("sns").list_topics()
    assert "no session policy allows the SNS:Publish" in text(
        error(narrow.client("sns").publish, TopicArn=TOPIC, Message="m")
    )


def test_a_role_that_does_not_trust_the_caller_is_not_assumed(caller: Caller) -> None:
    caller.may(allow("sts:AssumeRole"))
    assert code(error(caller.assume, role_arn=ROLE)) == QUERY


def test_unknown_and_half_known_credentials_are_refused(enforced: Cloud, caller: Caller) -> None:
    def as_key(service: str, key: str, token: str | None = None) -> Any:
        return boto3.client(service, aws_access_key_id=key, aws_secret_access_key="x", aws_session_token=token)

    unknown = "AKIAIOSFODNN7EXAMPLE"
    assert code(error(as_key("s3", unknown).list_buckets)) == "InvalidAccessKeyId"
    assert code(error(as_key("sns", unknown).list_topics)) == "InvalidClientTokenId"
    assert code(error(as_key("sts", unknown).get_caller_identity)) == "InvalidClientTokenId"
    assert code(error(as_key("sagemaker", unknown).list_models)) == "UnrecognizedClientException"
    trust = {"Effect": "Allow", "Principal": {"AWS": USER}, "Action": "sts:AssumeRole"}
    role = caller.iam.create_role(RoleName="r", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    session = caller.assume(role)
    assert code(error(as_key("sns", session.key[0]).list_topics)) == "InvalidClientTokenId"
    caller.iam.update_access_key(UserName="caller", AccessKeyId=caller.key[0], Status="Inactive")
    assert code(error(caller.client("sagemaker").list_models)) == "UnrecognizedClientException"


def test_the_service_linked_role_for_scaling_is_made_once_by_whoever_may(enforced: Cloud, caller: Caller) -> None:
    register = caller.client("application-autoscaling").register_scalable_target
    request = {**TARGET, "MinCapacity": 0, "MaxCapacity": 1}
    caller.may(everything_but("iam:CreateServiceLinkedRole"))
    assert "perform: iam:CreateServiceLinkedRole on" in text(error(register, **request))
    caller.may(allow("*"))
    with contextlib.suppress(ClientError):  # there is no such endpoint
        register(**request)
    caller.may(everything_but("iam:CreateServiceLinkedRole"))
    with contextlib.suppress(enforced.client("application-autoscaling").exceptions.ValidationException):
        register(**request)
    names = [role["RoleName"] for role in enforced.client("iam").list_roles()["Roles"]]
    assert "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint" in names


def test_deleting_an_endpoint_that_scales_needs_the_permission_to_end_its_scaling(
    enforced: Cloud, caller: Caller
) -> None:
    enforced.model()
    enforced.async_config()
    enforced.endpoint()
    target = {**TARGET, "ResourceId": "endpoint/endpoint/variant/AllTraffic", "MinCapacity": 0, "MaxCapacity": 1}
    enforced.client("application-autoscaling").register_scalable_target(**target)
    caller.may(everything_but("application-autoscaling:DeregisterScalableTarget"))
    refused = error(caller.client("sagemaker").delete_endpoint, EndpointName="endpoint")
    assert code(refused) == "ValidationException"
    assert text(refused).startswith(
        "An Application AutoScaling scalable target exists for a variant being deleted, and"
    )
    caller.may(allow("*"))
    caller.client("sagemaker").delete_endpoint(EndpointName="endpoint")


def test_what_was_judged_can_be_read_in_the_journal(enforced: Cloud, caller: Caller) -> None:
    caller.may(allow("sns:ListTopics"))
    caller.client("sns").list_topics()
    error(caller.client("sqs").list_queues)
    (allowed,), (denied,) = (enforced.aws.journal.entries(f"access.{word}") for word in ("allowed", "denied"))
    assert (allowed.fields["principal"], allowed.fields["action"]) == (USER, "sns:ListTopics")
    assert (denied.fields["action"], denied.fields["resource"]) == ("sqs:ListQueues", "*")
    assert json.loads(denied.to_json())["context"]["aws:username"] == ["caller"]
