"""Packages, their rooms, and the imports between their modules."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
ROOTS = {
    "flows": "",
    "tasks": "",
    "tools": "",
    "recommender": "inference_src",
    "localaws": "deployments",
    "stygig": "deployments",
}
"""Folders of the packages, relative to the repository."""
ROOMS = (
    "planning",
    "report",
    "verdict",
    "invoking",
    "hosting",
    "packaging",
    "resources",
    "exchange",
    "encoder",
    "pictures",
    "demo",
)
"""The rooms of tasks/, each above those it may lean on. Modules in none of them are the ground they stand on."""


@cache
def modules(package: str) -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    base = REPOSITORY / ROOTS[package]
    return {_name(path.relative_to(base)): path for path in (base / package).rglob("*.py")}


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, and each name that it takes from one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def leans_on(package: str) -> dict[str, set[str]]:
    """Each module of the package with those of the same package that it imports."""
    known = modules(package)
    found = {name: {module_of(each, known) for each in imported(path)} for name, path in known.items()}
    return {name: {each for each in others if each and each != name} for name, others in found.items()}


def module_of(imported_name: str, known: dict[str, Path]) -> str:
    """The known module behind an imported name; empty if it is none of these.

    A package stands for what it holds, not for itself.
    """
    if imported_name in known:
        return imported_name
    above = imported_name.rpartition(".")[0]
    return above if above in known else ""


def packages_imported(package: str) -> set[str]:
    """The other packages of this repository that the package imports."""
    found = {each.partition(".")[0] for path in modules(package).values() for each in imported(path)}
    return found & set(ROOTS) - {package}


def rooms(package: str) -> dict[str, set[str]]:
    """Each room of the package with the rooms it imports; modules beside the rooms are left out."""
    found: dict[str, set[str]] = {}
    for name, others in leans_on(package).items():
        if room := room_of(name):
            found.setdefault(room, set()).update(filter(None, map(room_of, others)))
    return {room: others - {room} for room, others in found.items()}


def room_of(module: str) -> str:
    """The folder, or for tasks.planning.preflight the module, right under the package; empty for the ground."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 or (len(parts) == 2 and parts[1] in ROOMS) else ""
