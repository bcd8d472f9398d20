"""How a long piece of work tells what it is doing: a line now and then."""

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(line: str) -> None:
    """Progress that nobody reads."""
