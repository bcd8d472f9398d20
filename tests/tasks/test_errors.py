"""The error tree: what its docstring draws is what the classes are."""

import re

import pytest

from tasks import errors

DRAWN = re.findall(r"^([│├└─ ]*)(\w+Error) +(\d)  ", errors.__doc__ or "", re.MULTILINE)


@pytest.mark.parametrize(("name", "exit_status"), [(name, int(status)) for _, name, status in DRAWN])
def test_an_error_ends_a_command_with_the_status_that_is_drawn(name: str, exit_status: int) -> None:
    assert getattr(errors, name).exit_status == exit_status


def test_every_error_is_drawn() -> None:
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)} - {"Any"}
    assert defined == {name for _, name, _ in DRAWN}


def test_the_drawing_shows_who_inherits_from_whom() -> None:
    parents: dict[int, str] = {}
    for indent, name, _ in DRAWN:
        depth = len(indent) // 4
        parents[depth] = name
        if depth:
            assert getattr(errors, name).__bases__ == (getattr(errors, parents[depth - 1]),)


def test_a_failed_verdict_carries_its_outcome() -> None:
    outcome = object()
    assert errors.ValidationFailedError("FAIL: 1 answer differs", outcome).outcome is outcome
