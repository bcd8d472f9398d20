"""What of ours exists: the record that a run keeps of what it makes, and the tags on the things themselves.

Every resource is written down in S3 before it is asked for, so that a process which knows nothing but a run's id, or
nothing at all, finds what a killed run left. Tags are the second way: they survive the bucket.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from tasks.clients import client, explained, missing_ok
from tasks.errors import StygigError
from tasks.names import EXPIRY_TAG, PREFIX, RUN_TAG, RUNS_PREFIX
from tasks.plan import RunPlan
from tasks.prefect_task import task
from tasks.resource import KINDS, Resource, looked_at


def write_down(plan: RunPlan, kind: str, name: str, endpoint: str = "") -> Resource:
    """Records what is about to be made. Called before the call that makes it."""
    resource = Resource(kind, name, plan.run_id, datetime.now(UTC), plan.expires_at, endpoint)
    with explained("s3:PutObject", f"{plan.bucket}/{resource.key}"):
        client("s3").put_object(Bucket=plan.bucket, Key=resource.key, Body=resource.to_json().encode())
    return resource


def strike_out(bucket: str, resource: Resource) -> None:
    """Takes the record back, once the thing is proven gone; no bucket, no record."""
    with explained("s3:DeleteObject", f"{bucket}/{resource.key}"), missing_ok():
        client("s3").delete_object(Bucket=bucket, Key=resource.key)


def recorded(bucket: str, run_id: str = "") -> list[Resource]:
    """What runs wrote down and nobody has struck out; of one run, or of all."""
    s3 = client("s3")
    prefix = f"{RUNS_PREFIX}{run_id}/resources/" if run_id else RUNS_PREFIX
    found = []
    with explained("s3:ListBucket", bucket), missing_ok():
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                if "/resources/" not in item["Key"]:
                    continue
                with missing_ok():  # another teardown may strike it out meanwhile
                    found.append(Resource.from_json(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()))
    return found


def tagged() -> Iterator[Resource]:
    """What carries our tags, whoever wrote it down."""
    for listing in _LISTINGS:
        yield from listing()


def _tagged_sagemaker(kind: str, operation: str, noun: str) -> Iterator[Resource]:
    """Endpoints under any name, for they bill and may be named by the user; the rest under ours."""
    sagemaker = client("sagemaker")
    named = {} if kind == "endpoint" else {"NameContains": PREFIX.rstrip("-")}
    with explained(f"sagemaker:List{noun}s"):
        for page in sagemaker.get_paginator(operation).paginate(**named):
            for item in page[f"{noun}s"]:
                with missing_ok():
                    marks = sagemaker.list_tags(ResourceArn=item[f"{noun}Arn"])["Tags"]
                    yield from _ours(kind, item[f"{noun}Name"], marks, item["CreationTime"])


def _tagged_topics() -> Iterator[Resource]:
    sns = client("sns")
    with explained("sns:ListTopics"):
        for page in sns.get_paginator("list_topics").paginate():
            for topic in page["Topics"]:
                if topic["TopicArn"].rpartition(":")[2].startswith(PREFIX):
                    with missing_ok():
                        marks = sns.list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]
                        yield from _ours("topic", topic["TopicArn"], marks)


def _tagged_queues() -> Iterator[Resource]:
    sqs = client("sqs")
    with explained("sqs:ListQueues"):
        for page in sqs.get_paginator("list_queues").paginate(
            QueueNamePrefix=PREFIX, PaginationConfig={"PageSize": 1000}
        ):
            for url in page.get("QueueUrls", []):
                with missing_ok():
                    marks = [
                        {"Key": k, "Value": v} for k, v in sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).items()
                    ]
                    yield from _ours("queue", url.rpartition("/")[2], marks)  # as it is written down


def _tagged_alarms() -> Iterator[Resource]:
    cloudwatch = client("cloudwatch")
    with explained("cloudwatch:DescribeAlarms"):
        for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=PREFIX):
            for alarm in page["MetricAlarms"]:
                with missing_ok():
                    marks = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
                    yield from _ours("alarm", alarm["AlarmName"], marks)


def _ours(kind: str, name: str, marks: list[dict[str, str]], created: datetime | None = None) -> Iterator[Resource]:
    found = {mark["Key"]: mark["Value"] for mark in marks}
    if RUN_TAG in found and EXPIRY_TAG in found:
        expires = datetime.fromisoformat(found[EXPIRY_TAG])
        yield Resource(kind, name, found[RUN_TAG], created or datetime.now(UTC), expires)


_LISTINGS: tuple[Callable[[], Iterator[Resource]], ...] = (
    partial(_tagged_sagemaker, "endpoint", "list_endpoints", "Endpoint"),
    partial(_tagged_sagemaker, "endpoint-config", "list_endpoint_configs", "EndpointConfig"),
    partial(_tagged_sagemaker, "model", "list_models", "Model"),
    _tagged_topics,
    _tagged_queues,
    _tagged_alarms,
)


def inventory(bucket: str, run_id: str = "", unlisted: list[str] | None = None) -> list[Resource]:
    """All that exists of ours (of one run, or of all), recorded or tagged, in the order of creation.

    A listing that is refused is an error, unless `unlisted` is given to collect the refusals: a teardown removes what
    it can see, and says what it could not look at.
    """
    found: dict[tuple[str, str, str], Resource] = {}
    listings: tuple[Callable[[], Iterable[Resource]], ...] = (*_LISTINGS, partial(recorded, bucket, run_id))
    for listing in listings:
        try:
            found |= {(r.kind, r.name, r.run_id): r for r in listing() if run_id in {"", r.run_id}}
        except StygigError as exc:
            if unlisted is None:
                raise
            unlisted.append(str(exc))
    return sorted(found.values(), key=lambda r: (KINDS.index(r.kind), r.name))


def existing(bucket: str, run_id: str = "") -> list[Resource]:
    """The inventory without what was written down but never made, each with its status and what it costs."""
    return [seen for resource in inventory(bucket, run_id) if (seen := looked_at(resource))]


@task(name="inventory")
def inventory_task(bucket: str, run_id: str = "") -> list[Resource]:
    return existing(bucket, run_id)
