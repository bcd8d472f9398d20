"""The picture of the rooms in docs/architecture.md, as a mermaid graph of the imports between them."""

import re
from collections.abc import Iterator, Mapping

from tools.house.imports import REPOSITORY, ROOMS, ROOTS, packages_imported, rooms

PAGE = REPOSITORY / "docs" / "architecture.md"
DRAWN = ("stygig", "flows", "tasks", "recommender", "localaws")
_MERMAID = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def with_drawing(page: str) -> str:
    """The page with its picture drawn from today's imports."""
    return _MERMAID.sub(lambda _: drawing(), page, count=1)


def drawing() -> str:
    """The graph: packages as boxes, tasks' rooms in their order, arrows for imports that no other arrow implies."""
    lines = ["```mermaid", "flowchart TB"]
    for package in DRAWN:
        if package == "tasks":
            lines += ["  subgraph tasks", *(f"    {room}" for room in ROOMS), "  end"]
        else:
            lines += [f"  {package}[{'/'.join(filter(None, (ROOTS[package], package)))}]"]
    lines += [f"  {above} --> {below}" for above, below in arrows(rooms("tasks"))]
    between = {package: packages_imported(package) & set(DRAWN) for package in DRAWN}
    lines += [f"  {above} --> {below}" for above, below in arrows(between)]
    return "\n".join([*lines, "```", ""])


def arrows(leaning: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """The pairs of a graph without circles that say all the others: A to C is left out where A to B to C is there."""
    for above, below in sorted(leaning.items()):
        implied = set().union(*(_all_below(each, leaning) for each in below))
        yield from ((above, each) for each in sorted(below - implied))


def _all_below(name: str, leaning: Mapping[str, set[str]]) -> set[str]:
    below = leaning.get(name, set())
    return below.union(*(_all_below(each, leaning) for each in below))
