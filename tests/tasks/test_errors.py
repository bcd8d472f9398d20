"""The error tree: the classes are as the module's docstring draws them."""

import re

import pytest

from tasks import errors
from tasks.resources.sweep import Sweep

DRAWN = re.findall(r"^([│├└─ ]*)(\w+Error) +(\d)  ", errors.__doc__ or "", re.MULTILINE)


@pytest.mark.parametrize(("name", "exit_status"), [(name, int(status)) for _, name, status in DRAWN])
def test_an_error_ends_a_command_with_the_status_that_is_drawn(name: str, exit_status: int) -> None:
    assert getattr(errors, name).exit_status == exit_status


def test_every_error_is_drawn() -> None:
    defined = {n for n, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
    assert defined == {name for _, name, _ in DRAWN}


def test_the_drawing_shows_who_inherits_from_whom() -> None:
    parents: dict[int, str] = {}
    for indent, name, _ in DRAWN:
        depth = len(indent) // 4
        parents[depth] = name
        if depth:
            assert getattr(errors, name).__bases__ == (getattr(errors, parents[depth - 1]),)


def test_a_failed_verdict_carries_what_it_came_to() -> None:
    outcome = Sweep((), (), (), False)
    assert errors.ValidationFailedError("FAIL: 1 answer differs", outcome).result is outcome
