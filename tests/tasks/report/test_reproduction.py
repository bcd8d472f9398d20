"""A report's command asks for the same run again."""

import shlex

import pytest

from flows.nightly_validation import nightly_validation
from tasks.report.reproduction import command_line

NIGHTLY = nightly_validation.fn


def test_what_is_default_needs_no_option() -> None:
    assert (
        command_line("nightly", NIGHTLY, {"catalogue": "demo", "picture_count": 24, "keep": False}) == "stygig nightly"
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("picture_count", 0, ["--picture-count", "0"]),
        ("catalogue", "my pictures/it's", ["--catalogue", "my pictures/it's"]),
        ("engine", "torch", ["--engine", "torch"]),
        ("tolerance", 0.01, ["--tolerance", "0.01"]),
        ("keep", True, ["--keep"]),
    ],
)
def test_what_is_not_is_given_quoted(name: str, value: object, words: list[str]) -> None:
    assert shlex.split(command_line("nightly", NIGHTLY, {name: value})) == ["stygig", "nightly", *words]
