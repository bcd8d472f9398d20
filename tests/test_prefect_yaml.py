"""prefect.yaml, read strictly: Prefect itself ignores what it does not know."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.cli.deploy._models import DeploymentConfig

REPOSITORY = Path(__file__).parent.parent
FILE: dict[str, Any] = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
DEPLOYMENTS: list[dict[str, Any]] = FILE["deployments"]
KNOWN_AT_THE_TOP = {"name", "prefect-version", "definitions", "deployments"}


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    path, _, name = deployment["entrypoint"].partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    found: Flow[..., Any] = getattr(module, name)
    return found


def test_the_file_has_no_key_that_prefect_would_ignore() -> None:
    assert set(FILE) <= KNOWN_AT_THE_TOP
    for deployment in DEPLOYMENTS:
        unknown = set(deployment) - set(DeploymentConfig.model_fields)
        assert not unknown, f"{deployment['name']} has {unknown}"
        DeploymentConfig.model_validate(deployment)


def test_there_is_a_deployment_for_every_flow() -> None:
    wanted = {
        "nightly-validation/nightly",
        "package-model/package",
        "deploy-endpoint/deploy",
        "validate-endpoint/validate",
        "teardown/teardown",
        "invoke/invoke",
        "sweep/sweep",
    }
    assert {f"{flow_of(d).name}/{d['name']}" for d in DEPLOYMENTS} == wanted
    assert len(wanted) == len(list((REPOSITORY / "flows").glob("[!_]*.py")))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_a_flow_is_named_like_its_function(deployment: dict[str, Any]) -> None:
    """`prefect deploy -n flow/deployment` matches the function's name, everything else the flow's."""
    found = flow_of(deployment)
    assert found.name == found.fn.__name__.replace("_", "-")


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_every_parameter_explains_itself_in_the_form(deployment: dict[str, Any]) -> None:
    properties = flow_of(deployment).parameters.properties
    for name, schema in properties.items():
        assert schema.get("description"), f"{deployment['name']}: {name} has no description"
        assert "anyOf" not in schema, f"{deployment['name']}: {name} is a union, which the form can't show"


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_a_schedule_names_its_time_zone_and_runs_one_at_a_time(deployment: dict[str, Any]) -> None:
    for schedule in deployment.get("schedules", []):
        assert schedule["timezone"]
        assert schedule["slug"]
        assert deployment["concurrency_limit"]["limit"] == 1
    if deployment["name"] == "nightly":
        assert deployment["schedules"]


def test_parameters_of_deployments_exist() -> None:
    for deployment in DEPLOYMENTS:
        assert set(deployment.get("parameters", {})) <= set(flow_of(deployment).parameters.properties)


def test_the_sweep_follows_every_flow_that_makes_something() -> None:
    """It must not follow its own failures: it would trigger itself for ever."""
    by_name = {each["name"]: each for each in DEPLOYMENTS}
    (trigger,) = by_name["sweep"]["triggers"]
    tag = trigger["match_related"]["prefect.resource.id"].removeprefix("prefect.tag.")
    follows = {name for name, each in by_name.items() if tag in each.get("tags", [])}
    assert follows == {"nightly", "deploy", "validate"}
    tears_down = {each["name"] for each in DEPLOYMENTS if flow_of(each).on_crashed_hooks}
    assert tears_down == follows
