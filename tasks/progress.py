"""The way a long piece of work reports what it is doing: a line now and then."""

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(line: str) -> None:
    """Discard the line: progress that nobody reads."""
