"""The results of commands, as text or as JSON on stdout."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from stygig.endpoint_info import ENDPOINT_INFO, forget_endpoint, write_endpoint_info
from tasks.plain_text import visible_lines

if TYPE_CHECKING:
    from stygig.status import Status
    from tasks.errors import Result
    from tasks.hosting.endpoint import Endpoint
    from tasks.invoking.diagnosis import Diagnosis
    from tasks.invoking.single import Invocation
    from tasks.packaging.artifact import Artifact
    from tasks.planning.planned import PlanOfRun
    from tasks.report.outcome import Outcome
    from tasks.resources.inventory import Inventory
    from tasks.resources.resource import Resource
    from tasks.resources.sweep import Sweep
    from tasks.resources.teardown import Removal

CRASHED = 3


class Printer:
    """A printer of results: as text, or all of them as one JSON object."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.said: dict[str, Any] = {}
        self.last_line = ""

    def emit(self, value: dict[str, Any], text: str) -> None:
        self.said |= value
        if not self.as_json:
            typer.echo(visible_lines(text))

    def finish(self) -> None:
        if self.last_line and not self.as_json:
            typer.echo(visible_lines(self.last_line))
        if self.as_json and self.said:
            typer.echo(json.dumps(self.said, indent=2, default=str))
            self.said = {}

    def outcome(self, outcome: "Outcome") -> None:
        reasons = "\n".join(f"  {reason}" for reason in outcome.reasons)
        report = outcome.report or "could not be written"
        self.emit(
            outcome.to_dict(),
            f"{outcome.verdict}: {outcome.asked}\n{reasons}\nReport: {report}{_kept(outcome)}",
        )

    def plan(self, plan: "PlanOfRun") -> None:
        from tasks.planning.planned import plan_in_text

        self.emit(plan.to_dict(), plan_in_text(plan))

    def artifact(self, artifact: "Artifact") -> None:
        skipped = "".join(f"left out: {path}: {reason}\n" for path, reason in artifact.skipped)
        state = "uploaded" if artifact.uploaded else "unchanged, nothing uploaded"
        what = f"{artifact.items} items, encoder {artifact.encoder}, " if artifact.encoder else ""
        head = f"{skipped}{what}version {artifact.model_version}: {state}"
        self.emit(artifact.to_dict(), f"{head}\n{artifact.uri}")

    def endpoint(self, endpoint: "Endpoint") -> None:
        from tasks.hosting.endpoint_info import endpoint_info

        info = endpoint_info(endpoint)
        self.emit(info, "\n".join(f"{name}: {value}" for name, value in info.items() if value))
        if endpoint.kind == "async":
            write_endpoint_info(info)

    def status(self, status: "Status") -> None:
        self.emit(status.to_dict(), "\n".join(status.lines()))
        if not status.well:
            raise typer.Exit(1)

    def invocation(self, invocation: "Invocation", display: bool) -> None:
        record = invocation.record
        text = f"output location: {record.output_location}\ninference id: {record.inference_id}"
        if invocation.response:
            text = str(invocation.response) if display else json.dumps(invocation.response.to_json(), indent=2)
        self.emit(invocation.to_dict(), text)

    def diagnosis(self, diagnosis: "Diagnosis") -> None:
        """Print the diagnosis; exit 1 if somebody must act."""
        from tasks.invoking.diagnosis_words import advice_of, lines, to_dict

        self.emit(to_dict(diagnosis), "\n".join(lines(diagnosis)))
        if not advice_of(diagnosis).well:
            raise typer.Exit(1)

    def removal(self, removal: "Removal", endpoint_name: str = "") -> None:
        """Print what was removed, and remove async_endpoint_info.json, too, if its endpoint is gone."""
        gone = {
            line.removeprefix("removed endpoint ") for line in removal.removed if line.startswith("removed endpoint ")
        }
        forgotten = [f"removed {ENDPOINT_INFO}"] if forget_endpoint({*gone, endpoint_name} - {""}) else []
        self.emit(
            {"removed": list(removal.removed), "left": list(removal.left)},
            "\n".join((*removal.removed, *forgotten, "nothing is left")),
        )

    def sweep(self, sweep: "Sweep") -> None:
        would = "would clean up after" if sweep.dry_run else "cleaned up after"
        held = [f"held back: run {each.run_id}: {each.why}" for each in sweep.held]
        held += [f"left alone: {each}" for each in sweep.unreadable]
        runs = f"{would} {len(sweep.runs)} runs: {', '.join(sweep.runs) or 'none'}"
        self.emit(sweep.to_dict(), "\n".join((*sweep.removed, *held, runs)))

    def result(self, found: "Result") -> None:
        """Print the result that an error carries."""
        from tasks.planning.planned import PlanOfRun
        from tasks.report.outcome import Outcome
        from tasks.resources.sweep import Sweep

        if isinstance(found, PlanOfRun):
            self.plan(found)
        if isinstance(found, Sweep):
            self.sweep(found)
        if isinstance(found, Outcome):
            self.outcome(found)

    def inventory(self, found: "Inventory") -> None:
        """Print the inventory; exit 1 if anything exists, 3 if something could not be looked at."""
        self.emit(inventory_json(found), inventory_text(found))
        if found.unlisted:
            raise typer.Exit(CRASHED)
        if found.resources or found.unreadable:
            raise typer.Exit(1)

    def inventory_if(self, wanted: bool) -> Callable[[], None] | None:
        """show_inventory if wanted: for the end of a nightly run, while the embedded AWS is still there to ask."""
        return self.show_inventory if wanted else None

    def show_inventory(self) -> None:
        from stygig.running import inventory_directly
        from tasks.errors import StygigError

        try:
            found = inventory_directly()
        except StygigError as exc:  # this must not hide how the run itself ended
            self.last_line = f"Inventory: could not be taken: {exc}"
            return
        self.said |= inventory_json(found)
        self.last_line = f"Inventory: {inventory_text(found)}"


def _kept(outcome: "Outcome") -> str:
    if not outcome.kept:
        return ""
    return f"\nKept: {' and '.join(outcome.kept)}; they bill until `stygig teardown --run-id {outcome.run_id}`"


def inventory_json(found: "Inventory") -> dict[str, Any]:
    more = {"unreadable": [str(each) for each in found.unreadable], "unlisted": list(found.unlisted)}
    return {"inventory": [_row(r) for r in found.resources], **{name: said for name, said in more.items() if said}}


def inventory_text(found: "Inventory") -> str:
    """A line for each resource, then those that can't be read, the lookups that failed, and the sum."""
    lines = [_line(_row(resource)) for resource in found.resources]
    lines += [f"left alone: {each}" for each in found.unreadable]
    lines += [f"not looked at: {why}" for why in found.unlisted]
    if not lines:
        return "nothing of ours exists"
    total = sum(resource.usd_per_hour or 0.0 for resource in found.resources)
    unknown = sum(resource.usd_per_hour is None for resource in found.resources)
    more = f" and {unknown} of unknown price" if unknown else ""
    return "\n".join((*lines, f"{len(found.resources)} of ours, ${total:.4f} per hour{more}"))


def _row(resource: "Resource") -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "name": resource.name,
        "run_id": resource.run_id,
        "status": resource.status,
        "age_minutes": round(resource.age_minutes(datetime.now(UTC)), 1),
        "expires_at": resource.expires_at.isoformat(timespec="seconds"),
        "usd_per_hour": None if resource.usd_per_hour is None else round(resource.usd_per_hour, 4),
    }


def _line(row: dict[str, Any]) -> str:
    name = row["name"].rpartition(":")[2]  # of an ARN only the last part
    usd = row["usd_per_hour"]
    price = "price unknown" if usd is None else f"${usd:.4f}/h"
    return (
        f"{row['kind']:16} {name:50} {row['status']:12} {row['age_minutes']:7.1f} min  "
        f"expires {row['expires_at']}  {price}  run {row['run_id']}"
    )
