"""The main job against the embedded AWS, over HTTP, with real workers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

import flows.nightly_validation as recipe
from flows.nightly_validation import nightly_validation
from flows.package_model import package_model
from tasks.errors import InputError, LeftoverError, PermissionDeniedError, StygigError, ValidationFailedError
from tasks.hosting import instance_counts
from tasks.hosting.endpoint import Endpoint, EndpointSpec
from tasks.hosting.notifications import Topics
from tasks.plan import RunPlan
from tasks.report.outcome import Measurement, Outcome
from tasks.resources import kinds as resource_kinds
from tasks.resources.inventory import existing
from tasks.resources.scaling import ALARM
from tasks.settings import read_settings
from tests.flows.altered import altered

pytestmark = pytest.mark.usefixtures("prefect_backend", "local_aws")


def bucket() -> str:
    (found,) = [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"] if b["Name"].startswith("stygig-")]
    return str(found)


def keys(prefix: str) -> list[str]:
    listed = boto3.client("s3").list_objects_v2(Bucket=bucket(), Prefix=prefix)
    return [item["Key"] for item in listed.get("Contents", [])]


def test_a_nightly_run_passes_reports_and_leaves_nothing_and_is_packaged_once(drawn_catalogue: Path) -> None:
    passed: Outcome = nightly_validation(catalogue=str(drawn_catalogue))
    assert passed.verdict == "PASS"
    assert (passed.requests, passed.asked) == (24, "24 pictures")
    assert passed.left == ()
    assert existing(bucket()).resources == ()
    assert keys("runs/") == [], "inputs, outputs and records are removed with the run"
    report = Path(passed.report)
    assert report.is_file()
    read = json.loads(report.with_name("report.json").read_text())
    names = {check["name"]: check["passed"] for check in read["verdict"]["checks"]}
    assert names == {
        "answers agree": True,
        "every asynchronous request completed": True,
        "a deliberate failure ends as a failure object": True,
        "the baseline refuses the same request": True,
        "every request was notified": True,
        "nothing is left running": True,
    }
    phases = {(phase["side"], phase["phase"]): phase["percentiles"]["count"] for phase in read["latencies"]}
    assert phases["real-time", "round trip"] == 24
    assert phases["asynchronous", "queue and processing"] == 24
    for side, total in (("real-time", "round trip"), ("asynchronous", "end to end")):
        assert {phases[side, phase] for phase in (total, "queue and transfer", "model")} == {24}
    assert len(read["invocations"]) == 25
    assert_measured(read)
    page = report.read_text()
    assert "data:image/jpeg;base64," in page
    assert "http://" not in page.replace("http://www.w3.org", ""), "the page asks nobody for anything"
    before = sorted(keys("models/"))
    again = package_model(catalogue=str(drawn_catalogue))
    assert (again.uploaded, again.uri) == (False, passed.model_uri)
    assert sorted(keys("models/")) == before


def assert_measured(read: dict[str, Any]) -> None:
    """Assert that the report has stages of starts, a cost from counted instances and the machine, and omits nothing."""
    assert read["omissions"] == []
    assert [start["endpoint"] for start in read["cold_starts"]] == [read["baseline_endpoint"], read["async_endpoint"]]
    for start in read["cold_starts"]:
        assert list(start["stages_seconds"])[:2] == ["platform", "import"], start["note"]
        assert sum(start["stages_seconds"].values()) == pytest.approx(start["seconds"], abs=1e-6)
    assert read["cost"]["measured"], read["cost"]["unread"]
    assert read["cost"]["readings"] >= 4, "each of the two at its beginning and after the teardown"
    assert 0 < read["cost"]["async_instance_seconds"] < 3600
    assert (read["instance_type"], read["baseline_instance_type"]) == ("ml.m5.large", "ml.m5.large")
    assert read["machine"]["service"].startswith("127.0.0.1:")


def test_instances_that_can_not_be_counted_leave_an_estimate_and_fail_nothing(
    drawn_catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(name: str) -> dict[str, Any]:
        raise PermissionDeniedError(f"sagemaker:DescribeEndpoint on {name} was denied")

    monkeypatch.setattr(instance_counts, "describe", denied)
    passed: Outcome = nightly_validation(catalogue=str(drawn_catalogue))
    report = Path(passed.report)
    cost = json.loads(report.with_name("report.json").read_text())["cost"]
    assert (passed.verdict, cost["measured"], cost["readings"]) == ("PASS", False, 0)
    assert cost["async_instance_seconds"] > 0
    for shown in (report.with_name("report.md").read_text(), report.read_text()):
        assert "Estimated: one instance assumed for each endpoint" in shown
        assert "sagemaker:DescribeEndpoint on stygig-async-" in shown


def test_a_fail_fails_the_run_after_the_teardown_and_names_the_pictures(
    drawn_catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = recipe.start_endpoint_task

    def with_an_altered_index(plan: RunPlan, spec: EndpointSpec, topics: Topics | None = None) -> Endpoint:
        uri = altered(spec.model_uri) if spec.kind == "async" else spec.model_uri
        return start(plan, spec.serving(uri), topics)

    monkeypatch.setattr(recipe, "start_endpoint_task", with_an_altered_index)
    with pytest.raises(ValidationFailedError, match=r"FAIL: answers differ for \d+ of 24 pictures: .*\.jpg") as raised:
        nightly_validation(catalogue=str(drawn_catalogue))
    assert raised.value.exit_status == 1
    assert "FAIL" in Path(raised.value.result.report).read_text()
    assert existing(bucket()).resources == ()
    assert keys("runs/") == []


def test_an_exception_between_deployment_and_verdict_leaves_nothing(
    drawn_catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> None:
        assert {r.kind for r in existing(bucket()).resources} >= {"endpoint", "queue", "alarm"}
        raise RuntimeError("broken in the middle")

    monkeypatch.setattr(recipe, "measure", broken)
    with pytest.raises(RuntimeError, match="broken in the middle"):
        nightly_validation(catalogue=str(drawn_catalogue))
    assert existing(bucket()).resources == ()


def test_a_verdict_outlives_a_reports_folder_that_is_lost_on_the_way(
    drawn_catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure, folder = recipe.measure, read_settings().reports

    def then_the_folder_is_lost(*arguments: Any) -> Measurement:
        folder.rmdir()
        folder.write_text("in the way")
        return measure(*arguments)

    monkeypatch.setattr(recipe, "measure", then_the_folder_is_lost)
    with pytest.raises(StygigError, match=r"^PASS: 24 pictures got .*could not be written.*STYGIG_REPORTS") as raised:
        nightly_validation(catalogue=str(drawn_catalogue))
    assert (raised.value.exit_status, raised.value.result.verdict) == (3, "PASS")
    assert existing(bucket()).resources == ()


def test_a_reports_folder_that_can_not_be_written_is_found_before_anything_is_made(
    drawn_catalogue: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STYGIG_REPORTS", str(tmp_path / "file"))
    with pytest.raises(InputError, match=rf"into {tmp_path / 'file'}: .*STYGIG_REPORTS"):
        nightly_validation(catalogue=str(drawn_catalogue))
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_keep_leaves_both_endpoints_and_their_record(drawn_catalogue: Path) -> None:
    outcome = nightly_validation(catalogue=str(drawn_catalogue), keep=True)
    kinds = [r.kind for r in existing(bucket(), outcome.run_id).resources]
    assert kinds.count("endpoint") == 2
    assert {"scalable-target", "alarm", "queue", "topic", "model", "endpoint-config"} <= set(kinds)


def test_what_can_not_be_removed_is_named(drawn_catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(resource: Any) -> None:
        raise LeftoverError("not today")

    monkeypatch.setitem(resource_kinds._BY_NAME, "alarm", replace(ALARM, delete=refused))
    with pytest.raises(LeftoverError, match=r"alarm stygig-async-.*not today"):
        nightly_validation(catalogue=str(drawn_catalogue))
    assert [r.kind for r in existing(bucket()).resources] == ["data", "alarm"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"pictures": "few"}, ["2 pictures", "at least 20"]),
        ({"pictures": "cut"}, ["1 of 20 query pictures", "07.jpg: image is damaged or cut short"]),
        ({"catalogue": "empty"}, ["holds no pictures"]),
        ({"catalogue": "unknown"}, ["gloves", "--categories"]),
        ({"encoder": "no-such-encoder"}, ["no-such-encoder", "demo"]),
        ({"encoder": "no-model:tag"}, ["no model", "no-model"]),
        ({"instance_type": "m5.large"}, ["m5.large", "ml."]),
    ],
)
def test_bad_input_is_one_clear_error_and_leaves_nothing(
    parameters: dict[str, str], said: Sequence[str], drawn_catalogue: Path, tmp_path: Path
) -> None:
    picture = next(drawn_catalogue.rglob("*.jpg")).read_bytes()
    cut = [f"cut/{number:02d}.jpg" for number in range(20)]
    for name in ("few/1.jpg", "few/2.jpg", *cut, "unknown/gloves/1.jpg", "empty/readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(picture[: len(picture) // 2] if name == "cut/07.jpg" else picture)
    folders = {k: str(tmp_path / v) if k in {"pictures", "catalogue"} else v for k, v in parameters.items()}
    with pytest.raises(InputError) as raised:
        nightly_validation(**({"catalogue": str(drawn_catalogue)} | folders))  # type: ignore[arg-type]
    for words in said:
        assert words in str(raised.value)
    left = [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
    assert not left or existing(left[0]).resources == ()
