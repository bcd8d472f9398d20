"""Faults as JSON, for a server in another process: {"kind": "WorkerKilled", "endpoint": "mine", "times": 1}."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from localaws.faults import kinds
from localaws.faults.active import ActiveFault
from localaws.faults.kinds import Fault

FAULT_KINDS: dict[str, type[Fault]] = {
    name: kind
    for name, kind in vars(kinds).items()
    if isinstance(kind, type) and issubclass(kind, Fault) and not kind.__subclasses__()
}


def to_json(active: ActiveFault) -> dict[str, Any]:
    """The fault's number, kind and members, and the number of times it has struck."""
    kind = type(active.fault).__name__
    return {"number": active.number, "kind": kind, **asdict(active.fault), "struck": active.struck}


def from_json(members: dict[str, Any]) -> Fault:
    """The fault that the members describe. Raise ValueError, which says what is wrong with them."""
    kind = FAULT_KINDS.get(str(members.get("kind")))
    if kind is None:
        raise ValueError(f"kind {members.get('kind')!r} is no fault: {', '.join(FAULT_KINDS)} are")
    given = {name: value for name, value in members.items() if name != "kind"}
    known = [field.name for field in fields(kind)]
    if unknown := sorted(given.keys() - set(known)):
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}: its members are {', '.join(known)}")
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as exc:
        found = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors()]
        raise ValueError(f"{kind.__name__}: {'; '.join(found)}") from exc
