"""The removal of what a run made, in reverse order, with proof that it is gone.

The functions do without Prefect: they run in a flow's `finally`, in a hook in another process, and in the sweep.
Each is idempotent and works from any half-made state. Nothing that lacks our record and our tags is ever deleted.
"""

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType

from botocore.exceptions import ClientError

from tasks.clients import error_text, explained, missing_ok
from tasks.deadline import Deadline
from tasks.errors import InputError, LeftoverError, NotFoundError, StygigError
from tasks.limits import DELETING, IN_PROGRESS
from tasks.prefect_task import Progress, run_logger, task
from tasks.resources.inventory import inventory, recorded, strike_out
from tasks.resources.kinds import KINDS, kind_of, looked_at
from tasks.resources.resource import Resource
from tasks.resources.run_data import DATA
from tasks.resources.sagemaker import ENDPOINT, ENDPOINT_CONFIG, MODEL, run_of_endpoint


@dataclass(frozen=True)
class Removal:
    """The result of a teardown: what it removed, as lines for a log, and what it could not remove."""

    removed: tuple[str, ...]
    left: tuple[str, ...]

    def proven(self) -> "Removal":
        """Return itself; raise LeftoverError if something is left."""
        if self.left:
            raise LeftoverError(
                f"{len(self.left)} of ours could not be removed: {'; '.join(self.left)}. "
                "`stygig inventory` lists them; `stygig teardown --run-id …` tries again, and so does the hourly sweep."
            )
        return self


def tear_down_run(bucket: str, run_id: str, deadline: Deadline, say: Progress) -> Removal:
    """Remove all that a run made, and its data in S3; look for each resource again before reporting it removed."""
    with uninterrupted(say):
        found = inventory(bucket, run_id)
        if not found.resources:
            say(f"nothing of a run {run_id} was found; `stygig inventory` shows the ids of runs")
        removal = remove(bucket, found.resources, deadline, say)
        theirs = [str(each) for each in found.unreadable if each.run_id == run_id]
        unseen = [*theirs, *(f"not looked at: {why}" for why in found.unlisted)]
        return replace(removal, left=(*removal.left, *unseen))


def tear_down_endpoint(bucket: str, endpoint_name: str, deadline: Deadline, say: Progress) -> Removal:
    """Remove one endpoint and what serves only this one; with a run's last endpoint, remove the rest of the run.

    An endpoint that is gone already, and that no run has recorded, is no error: there is nothing to remove.
    """
    run_id = _owner(bucket, endpoint_name)
    if not run_id:
        say(f"endpoint {endpoint_name} does not exist, and no run has written it down: there is nothing to remove")
        return Removal((), ())
    found = inventory(bucket, run_id).resources
    if not any(r.kind == ENDPOINT.name and r.name != endpoint_name and _may_be_there(r) for r in found):
        return tear_down_run(bucket, run_id, deadline, say)
    return remove(bucket, [r for r in found if endpoint_name in {r.endpoint, r.name}], deadline, say)


def _may_be_there(resource: Resource) -> bool:
    """True unless the resource is known to be gone: somebody may have deleted it since it was recorded."""
    try:
        return looked_at(resource) is not None
    except StygigError:
        return True


def _owner(bucket: str, endpoint_name: str) -> str:
    """The run that made the endpoint; empty if neither the endpoint nor anything recorded for it is left."""
    try:
        run_id = run_of_endpoint(endpoint_name)
    except NotFoundError:
        return next((r.run_id for r in recorded(bucket) if endpoint_name in {r.name, r.endpoint}), "")
    if not run_id:
        raise InputError(
            f"Endpoint {endpoint_name} lacks the tag stygig:run-id: it isn't ours, so it is left alone. "
            "Delete it with `aws sagemaker delete-endpoint` if you mean it."
        )
    return run_id


def remove(bucket: str, resources: Sequence[Resource], deadline: Deadline, say: Progress) -> Removal:
    """Remove resources in the reverse of their order of creation, those of one kind at the same time."""
    removed: list[str] = []
    left: dict[Resource, str] = {}
    with uninterrupted(say):
        for kind in reversed(KINDS):
            batch = [r for r in resources if r.kind == kind.name]
            kept = [r for r in batch if _is_needed_by_one_of(r, left)]
            left |= dict.fromkeys(kept, "it is needed by what is left")
            batch = [r for r in batch if r not in kept]
            there = {r for r in batch if _begin(r)}  # before waiting for any: each bills until then
            for resource in batch:
                why = _finish(bucket, resource, deadline, say)
                if why:
                    left[resource] = why
                    say(f"could not remove {resource.label}: {why}")
                elif resource in there:
                    removed.append(f"removed {resource.label}")
                    say(removed[-1])
    return Removal(tuple(removed), tuple(f"{resource.label} ({why})" for resource, why in left.items()))


def _is_needed_by_one_of(resource: Resource, left: Iterable[Resource]) -> bool:
    """True if something that is left needs the resource: an endpoint its config and model, anything the run's data.

    AWS warns not to delete the config of an endpoint that bills: what it runs can't be seen any more. The data tells
    whether the run lives and what it made, which the next attempt needs.
    """
    if resource.kind == DATA.name:
        return any(True for _ in left)
    standing = {r.name for r in left if r.kind == ENDPOINT.name}
    serves = {resource.endpoint} if resource.endpoint else standing
    return resource.kind in {ENDPOINT_CONFIG.name, MODEL.name} and bool(serves & standing)


def _begin(resource: Resource) -> bool:
    """Ask for the deletion; False if there is nothing to delete. `_finish` meets errors again and reports them."""
    try:
        seen = looked_at(resource)
        if seen and seen.status != DELETING:
            _ask_to_delete(resource)
        return seen is not None
    except (StygigError, ClientError):
        return True


def _finish(bucket: str, resource: Resource, deadline: Deadline, say: Progress) -> str:
    """Wait until the resource is gone, and strike out its record; return why it is left, or an empty string."""
    try:
        _wait_until_gone(resource, deadline, say)
        strike_out(bucket, resource)
    except (StygigError, ClientError) as exc:
        return str(exc)
    return ""


def _wait_until_gone(resource: Resource, deadline: Deadline, say: Progress) -> None:
    seen, told = looked_at(resource), False
    for _ in deadline.polls(longest_seconds=10):
        if seen is None:
            return
        if seen.status in IN_PROGRESS and not told:
            told = True
            say(
                f"waiting for {resource.label}, which is {seen.status}: AWS deletes it only afterwards; "
                f"at most {deadline.remaining_seconds / 60:.0f} more minutes"
            )
        if seen.status != DELETING:
            _ask_to_delete(resource)
        seen = looked_at(resource)
    if seen is not None:
        raise deadline.exceeded(
            f"{resource.label} to be gone", f"it is {seen.status or 'still there'}", "The sweep will try again."
        )


def _ask_to_delete(resource: Resource) -> None:
    """Ask AWS for the deletion. It refuses an endpoint that is Creating or Updating: the next poll asks again."""
    with explained(f"deleting {resource.label}"), missing_ok():
        try:
            kind_of(resource).delete(resource)
        except ClientError as exc:
            if "in-progress" not in error_text(exc):  # a ValidationException like any other: only the text tells
                raise


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a request to end, and a closed terminal."""


@contextmanager
def uninterrupted(say: Progress) -> Iterator[None]:
    """Hold signals back while resources are being removed, and deliver the first of them afterwards.

    A teardown that is cut short leaves resources that bill.
    """
    if threading.current_thread() is not threading.main_thread():  # Python lets only the main thread handle signals
        yield
        return

    held: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        held.append(number)
        say(f"{signal.Signals(number).name} is held back: the teardown is under way")

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # `nohup` ignores SIGHUP
    before = {number: signal.signal(number, hold) for number in heard}
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
