"""What a run would make, change and leave, what it would cost, and what stands in its way: as text, JSON, markdown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from tasks.errors import InputError, ServiceUnreachableError, StygigError
from tasks.plain_text import markdown_text

T = TypeVar("T")
Would = Literal["create", "change", "leave", "refused"]
HEAD = ("would", "kind", "name", "exists", "per hour", "expires", "tagged")


@dataclass(frozen=True)
class Check:
    """One thing that must hold before money is spent, in words; one that doesn't hold is a finding."""

    line: str
    ok: bool = True


@dataclass
class Checks:
    """The checks in the making: each is told, and none keeps the next from being made."""

    told: list[Check] = field(default_factory=list)

    def say(self, line: str) -> None:
        self._tell(Check(line))

    def of(self, look: Callable[[], T], in_words: Callable[[T], str] = str) -> T | None:
        """What was looked for; None, and a finding, where a run would stop. An AWS that is silent is no finding."""
        try:
            found = look()
        except ServiceUnreachableError:
            raise
        except StygigError as exc:
            self._tell(Check(str(exc), ok=False))
            return None
        self.say(in_words(found))
        return found

    def _tell(self, check: Check) -> None:
        if check not in self.told:  # two endpoints of one model have some in common
            self.told.append(check)


@dataclass(frozen=True)
class PlannedResource:
    """One thing that a run would make, change, leave as it is, or not get."""

    kind: str
    name: str
    would: Would = "create"
    exists: bool | None = False
    """None where that can't be known: its name isn't settled, or we may not look."""
    usd_per_hour: float | None = 0.0
    """US dollars per hour as it is made; None where the price isn't known."""
    scales_to: int = 1
    """How many times as much it costs when it has scaled out."""
    expires_at: datetime | None = None
    """The time from which a sweep may remove it; None for what stays."""
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "would": self.would,
            "kind": self.kind,
            "name": self.name,
            "exists": self.exists,
            "usd_per_hour": None if self.usd_per_hour is None else round(self.usd_per_hour, 6),
            "expires_at": self.expires_at.isoformat(timespec="seconds") if self.expires_at else None,
            "tags": dict(self.tags),
        }

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns of HEAD."""
        price = f"${self.usd_per_hour:.4f}" if self.usd_per_hour else ""
        if self.usd_per_hour is None:
            price = "price unknown"
        return (
            self.would,
            self.kind,
            _short(self.name),
            {True: "yes", False: "no", None: "not known"}[self.exists],
            price,
            _time(self.expires_at) if self.expires_at else "stays",
            "yes" if self.tags else "no",
        )


@dataclass(frozen=True)
class PlanOfRun:
    """A run as it would be if it began now. Nothing of it has been made."""

    run_id: str
    region: str
    started_at: datetime
    expires_at: datetime
    checks: tuple[Check, ...]
    resources: tuple[PlannedResource, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tags of all that can have some."""

    @property
    def findings(self) -> list[str]:
        return [check.line for check in self.checks if not check.ok]

    @property
    def usd_per_hour(self) -> float:
        """Dollars per hour as it is made, without what has no known price."""
        return sum(each.usd_per_hour or 0.0 for each in self.resources)

    @property
    def usd_at_most(self) -> float:
        """Dollars of a run that lasts until its expiry, scaled out all the time."""
        hours = (self.expires_at - self.started_at).total_seconds() / 3600
        return hours * sum((each.usd_per_hour or 0.0) * each.scales_to for each in self.resources)

    @property
    def unknown_prices(self) -> int:
        return sum(each.usd_per_hour is None for each in self.resources)

    def without_findings(self) -> "PlanOfRun":
        """Return the plan; raise InputError, which carries it, if something would stop the run."""
        if self.findings:
            raise InputError(f"{_count(self.findings)} would stop the run: {' / '.join(self.findings)}", self)
        return self

    def to_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "region": self.region,
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "expires_at": self.expires_at.isoformat(timespec="seconds"),
            "checks": [{"ok": check.ok, "line": check.line} for check in self.checks],
            "findings": self.findings,
            "resources": [each.to_dict() for each in self.resources],
            "usd_per_hour": round(self.usd_per_hour, 6),
            "usd_until_expiry_at_most": round(self.usd_at_most, 6),
            "unknown_prices": self.unknown_prices,
            "tags": dict(self.tags),
        }


def plan_in_text(plan: PlanOfRun) -> str:
    """The checks line by line, an aligned table, and the sums."""
    checks = [f"{'ok     ' if check.ok else 'FINDING'}  {check.line}" for check in plan.checks]
    return "\n".join((*checks, "", *_aligned([HEAD, *(each.cells for each in plan.resources)]), "", *_sums(plan)))


def plan_in_markdown(plan: PlanOfRun) -> str:
    """The same for the Prefect UI."""
    checks = [f"- {'ok' if check.ok else '**finding**'}: {markdown_text(check.line)}" for check in plan.checks]
    rows = ["| " + " | ".join(map(markdown_text, each.cells)) + " |" for each in plan.resources]
    head = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    sums = [f"- {markdown_text(line)}" for line in _sums(plan)]
    return "\n".join((f"# Plan of run {plan.run_id}", "", *checks, "", *head, *rows, "", *sums))


def _sums(plan: PlanOfRun) -> list[str]:
    unknown = f" and {plan.unknown_prices} of unknown price" if plan.unknown_prices else ""
    most = max((each.scales_to for each in plan.resources), default=1)
    scaled = f", were the asynchronous endpoint on {most} instances all the time" if most > 1 else ""
    hours = (plan.expires_at - plan.started_at).total_seconds() / 3600
    marks = "  ".join(f"{name}={value}" for name, value in plan.tags.items())
    end = f"{_count(plan.findings)} would stop the run" if plan.findings else "nothing stands in the run's way"
    return [
        f"${plan.usd_per_hour:.4f}{unknown} per hour as it is made; requests, storage and transfer come on top",
        f"${plan.usd_at_most:.2f}{unknown} at most, if it lasted the {hours:g} hours until its expiry{scaled}",
        f"tags: {marks}",
        "names and tags hold the run's id: another run has its own",
        f"nothing was made; {end}",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows with their columns side by side."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _short(name: str) -> str:
    """The name, of an ARN only the last part; of a subscription topic and queue."""
    topic, bar, queue = name.partition("|")
    last = topic.rpartition(":")[2] if topic.startswith("arn:") else topic
    return f"{last} -> {queue}" if bar else last


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _count(findings: Sequence[str]) -> str:
    return "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
