"""The inventory as text for people, and as JSON."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.resources.inventory import Inventory
    from tasks.resources.resource import Resource


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
