"""The commands ask for what the flows take: the same parameters, defaults, bounds and choices."""

import inspect
from importlib import import_module
from typing import Annotated, Any, get_args, get_origin

import annotated_types
import pytest
from typer.models import ParameterInfo

from stygig import cli

FLOWS = {
    "nightly": "nightly_validation",
    "package": "package_model",
    "deploy": "deploy_endpoint",
    "validate": "validate_endpoint",
    "teardown": "teardown",
    "sweep": "sweep",
    "invoke": "invoke",
}
OF_THE_COMMAND_ALONE = {"json", "local", "display_results", "wait_seconds"}
VARIABLES = {(command, "environment") for command in ("nightly", "deploy", "package")}
DIFFERENT = {("invoke", "wait"), ("invoke", "endpoint_name"), *VARIABLES}
"""By hand the location comes at once, and the endpoint's name is in a file; a flow run has no such file, and is of
little use if it ends before its answer. Variables are a list of NAME=VALUE by hand, and a mapping in a form."""


def options(command: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(cli, command)).parameters)


def declared(option: inspect.Parameter) -> Any:
    """What typer.Option says in the annotation."""
    (found,) = (each for each in option.annotation.__metadata__ if isinstance(each, ParameterInfo))
    return found


def parameters(command: str) -> dict[str, inspect.Parameter]:
    flow = getattr(import_module(f"flows.{FLOWS[command]}"), FLOWS[command])
    return dict(inspect.signature(flow.fn).parameters)


def bounds(parameter: inspect.Parameter) -> dict[str, float]:
    """What pydantic's Field says in the annotation."""
    found: dict[str, float] = {}
    for field in getattr(parameter.annotation, "__metadata__", ()):
        for rule in field.metadata:
            found |= {"min": float(rule.ge)} if isinstance(rule, annotated_types.Ge) else {}
            found |= {"max": float(rule.le)} if isinstance(rule, annotated_types.Le) else {}
            found |= {"below": float(rule.lt)} if isinstance(rule, annotated_types.Lt) else {}
    return found


EVERY = [(command, name) for command in FLOWS for name in parameters(command)]


@pytest.mark.parametrize("command", FLOWS)
def test_a_command_has_an_option_for_each_parameter_of_its_flow_and_no_other(command: str) -> None:
    assert set(options(command)) - OF_THE_COMMAND_ALONE == set(parameters(command))


@pytest.mark.parametrize(("command", "name"), EVERY)
def test_the_defaults_are_the_same(command: str, name: str) -> None:
    if (command, name) not in DIFFERENT:
        assert options(command)[name].default == parameters(command)[name].default


@pytest.mark.parametrize(("command", "name"), EVERY)
def test_the_bounds_and_choices_are_the_same(command: str, name: str) -> None:
    option, parameter = options(command)[name], parameters(command)[name]
    wanted, found = bounds(parameter), declared(option)
    assert found.min == wanted.get("min")
    if "below" in wanted:
        assert found.max < wanted["below"]
    else:
        assert found.max == wanted.get("max")
    assert choices(option) == choices(parameter)


def choices(parameter: inspect.Parameter) -> list[str]:
    """Of a Literal, however it is annotated."""
    kind = parameter.annotation
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return [each for each in get_args(kind) if isinstance(each, str)]


@pytest.mark.parametrize(("command", "name"), EVERY)
def test_every_option_explains_itself(command: str, name: str) -> None:
    assert declared(options(command)[name]).help


@pytest.mark.parametrize(("command", "name"), EVERY)
def test_every_parameter_is_explained_in_the_form_that_prefect_makes_of_the_docstring(command: str, name: str) -> None:
    flow = getattr(import_module(f"flows.{FLOWS[command]}"), FLOWS[command])
    assert f"\n    {name}: " in (inspect.getdoc(flow.fn) or "")
