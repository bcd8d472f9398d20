"""Removes what a run made, in reverse order, and proves that it is gone.

No Prefect in the functions: they run in a flow's `finally`, in a hook of another process and in the sweep alike.
Every one is idempotent and works from any half-made state. What lacks our record and our tags is never deleted.
"""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

from botocore.exceptions import ClientError

from tasks.clients import client, error_text, explained, missing_ok
from tasks.deadline import Deadline
from tasks.errors import InputError, LeftoverError, NotFoundError, StygigError
from tasks.inventory import inventory, recorded, strike_out
from tasks.limits import DELETING, SCALABLE_DIMENSION, SERVICE_NAMESPACE
from tasks.names import RunNames
from tasks.prefect_task import run_logger, task
from tasks.resource import KINDS, Resource, looked_at, run_of_endpoint, subscription_arns

Say = Callable[[str], None]


@dataclass(frozen=True)
class Removal:
    """What a teardown did: lines for a log, and what it could not remove."""

    removed: tuple[str, ...]
    left: tuple[str, ...]

    def proven(self) -> "Removal":
        """Itself, if nothing is left."""
        if self.left:
            raise LeftoverError(
                f"{len(self.left)} of ours could not be removed: {'; '.join(self.left)}. "
                "`stygig inventory` lists them; `stygig teardown --run-id …` tries again, and so does the hourly sweep."
            )
        return self


def tear_down_run(bucket: str, run_id: str, deadline: Deadline, say: Say) -> Removal:
    """Removes all that a run made, and the data it left in S3; looks at each thing again before it says so."""
    with uninterrupted(say):
        unlisted: list[str] = []
        removal = remove(bucket, inventory(bucket, run_id, unlisted), deadline, say)
        if unlisted:
            removal = replace(removal, left=(*removal.left, *(f"not looked at: {why}" for why in unlisted)))
        if not removal.left:
            count = _remove_data(bucket, run_id)
            if count:
                say(f"removed {count} objects of inputs, outputs and failures")
    return removal


def tear_down_endpoint(bucket: str, endpoint_name: str, deadline: Deadline, say: Say) -> Removal:
    """Removes one endpoint and what serves it alone; with a run's last endpoint goes the rest of the run."""
    run_id = _owner(bucket, endpoint_name)
    everything = inventory(bucket, run_id)
    others = {r.name for r in everything if r.kind == "endpoint" and r.name != endpoint_name}
    if not others:
        return tear_down_run(bucket, run_id, deadline, say)
    return remove(bucket, [r for r in everything if endpoint_name in {r.endpoint, r.name}], deadline, say)


def _owner(bucket: str, endpoint_name: str) -> str:
    try:
        run_id = run_of_endpoint(endpoint_name)
    except NotFoundError as exc:
        left = [r.run_id for r in recorded(bucket) if endpoint_name in {r.name, r.endpoint}]
        if left:
            return left[0]
        raise NotFoundError(
            f"Endpoint {endpoint_name} does not exist, and no run has written it down. `stygig inventory` lists ours."
        ) from exc
    if not run_id:
        raise InputError(
            f"Endpoint {endpoint_name} lacks the tag stygig:run-id: it isn't ours, so it is left alone. "
            "Delete it with `aws sagemaker delete-endpoint` if you mean it."
        )
    return run_id


def remove(bucket: str, resources: Sequence[Resource], deadline: Deadline, say: Say) -> Removal:
    """Removes resources in the reverse of their order of creation, those of one kind side by side."""
    removed: list[str] = []
    left: dict[Resource, str] = {}
    with uninterrupted(say):
        for kind in reversed(KINDS):
            batch = [r for r in resources if r.kind == kind]
            kept = [r for r in batch if _serves_one_of(r, left)]
            left |= dict.fromkeys(kept, "it serves an endpoint that is left")
            batch = [r for r in batch if r not in kept]
            there = {r for r in batch if _begin(r)}  # all are asked before one is waited for: each bills until asked
            for resource in batch:
                why = _finish(bucket, resource, deadline)
                if why:
                    left[resource] = why
                    say(f"could not remove {resource.label}: {why}")
                elif resource in there:
                    removed.append(f"removed {resource.label}")
                    say(removed[-1])
    return Removal(tuple(removed), tuple(f"{resource.label} ({why})" for resource, why in left.items()))


def _serves_one_of(resource: Resource, left: Iterable[Resource]) -> bool:
    """Without its config an endpoint that bills can't even be seen to: AWS warns not to delete it first."""
    standing = {r.name for r in left if r.kind == "endpoint"}
    serves = {resource.endpoint} if resource.endpoint else standing
    return resource.kind in {"endpoint-config", "model"} and bool(serves & standing)


def _begin(resource: Resource) -> bool:
    """Asks for the deletion, if it is there. What goes wrong is found again, and said, when it is waited for."""
    try:
        seen = looked_at(resource)
        if seen and seen.status != DELETING:
            _ask_to_delete(resource)
        return seen is not None
    except (StygigError, ClientError):
        return True


def _finish(bucket: str, resource: Resource, deadline: Deadline) -> str:
    """Waits until it has been looked for and not found, and strikes out its record; else says why it is left."""
    try:
        _wait_until_gone(resource, deadline)
        strike_out(bucket, resource)
    except (StygigError, ClientError) as exc:
        return str(exc)
    return ""


def _wait_until_gone(resource: Resource, deadline: Deadline) -> None:
    seen = looked_at(resource)
    for _ in deadline.polls(longest_seconds=10):
        if seen is None:
            return
        if seen.status != DELETING:
            _ask_to_delete(resource)
        seen = looked_at(resource)
    if seen is not None:
        raise deadline.exceeded(
            f"{resource.label} to be gone", f"it is {seen.status or 'still there'}", "The sweep will try again."
        )


def _ask_to_delete(resource: Resource) -> None:
    """An endpoint that is Creating or Updating can't be deleted yet: then the next poll asks again."""
    with explained(f"deleting {resource.label}"), missing_ok():
        try:
            _DELETE[resource.kind](resource)
        except ClientError as exc:
            if "in-progress" not in error_text(exc):
                raise


def _delete_target(resource: Resource) -> None:
    scaling = client("application-autoscaling")
    where: dict[str, Any] = {"ServiceNamespace": SERVICE_NAMESPACE, "ResourceId": resource.name}
    for policy in scaling.describe_scaling_policies(**where)["ScalingPolicies"]:
        with missing_ok():
            scaling.delete_scaling_policy(
                PolicyName=policy["PolicyName"], ScalableDimension=SCALABLE_DIMENSION, **where
            )
    scaling.deregister_scalable_target(ScalableDimension=SCALABLE_DIMENSION, **where)


def _unsubscribe(resource: Resource) -> None:
    for arn in subscription_arns(resource):
        client("sns").unsubscribe(SubscriptionArn=arn)


def _delete_queue(resource: Resource) -> None:
    sqs = client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=resource.name.rpartition("/")[2])["QueueUrl"])


_DELETE: dict[str, Callable[[Resource], object]] = {
    "topic": lambda r: client("sns").delete_topic(TopicArn=r.name),
    "queue": _delete_queue,
    "subscription": _unsubscribe,
    "model": lambda r: client("sagemaker").delete_model(ModelName=r.name),
    "endpoint-config": lambda r: client("sagemaker").delete_endpoint_config(EndpointConfigName=r.name),
    "endpoint": lambda r: client("sagemaker").delete_endpoint(EndpointName=r.name),
    "scalable-target": _delete_target,
    "alarm": lambda r: client("cloudwatch").delete_alarms(AlarmNames=[r.name]),
}


def _remove_data(bucket: str, run_id: str) -> int:
    """Deletes the run's inputs, outputs and failure objects; what it wrote down of itself goes with them."""
    s3, prefix, count = client("s3"), RunNames(run_id, bucket).prefix, 0
    with explained("s3:DeleteObject", prefix.uri), missing_ok():
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix.key):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            if keys:
                answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                refused = answer.get("Errors", [])
                if refused:
                    raise StygigError(
                        f"{len(refused)} objects stay, first {refused[0]['Key']}: {refused[0]['Message']}"
                    )
                count += len(keys)
    return count


@contextmanager
def uninterrupted(say: Say) -> Iterator[None]:
    """Holds Ctrl-C and SIGTERM back while things are being removed, and delivers them afterwards.

    A teardown that is cut short leaves a bill.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)
        say(f"{signal.Signals(number).name} is held back: the teardown is under way")

    before = {number: signal.signal(number, hold) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])


@task(name="tear-down")
def tear_down_task(bucket: str, run_id: str, deadline_minutes: int) -> Removal:
    return tear_down_run(bucket, run_id, Deadline(deadline_minutes * 60), run_logger().info)


@task(name="tear-down-endpoint")
def tear_down_endpoint_task(bucket: str, endpoint_name: str, deadline_minutes: int) -> Removal:
    return tear_down_endpoint(bucket, endpoint_name, Deadline(deadline_minutes * 60), run_logger().info)
