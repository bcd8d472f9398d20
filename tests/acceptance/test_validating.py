"""A validation of two existing endpoints, and the part of every answer that it keeps."""

import hashlib
import json
from pathlib import Path

from flows.deploy_endpoint import deploy_endpoint
from flows.validate_endpoint import validate_endpoint
from tasks.storage import download
from tests.acceptance.conftest import Shop


def test_the_checksum_of_each_result_is_in_the_report_of_the_run(shop: Shop) -> None:
    deploy_endpoint(model_uri=shop.model_uri, kind="real-time", endpoint_name="baseline")
    outcome = validate_endpoint(endpoint_name="fashion", baseline_endpoint_name="baseline", picture_count=20)
    report = json.loads(Path(outcome.report).with_name("report.json").read_text("utf-8"))
    *answered, refused = report["invocations"]
    found = {each["output_location"]: each["output_sha256"] for each in answered}
    assert len(found) == 20
    assert found == {location: hashlib.sha256(download(location)).hexdigest() for location in found}
    assert (refused["state"], refused["output_sha256"]) == ("failed", "")
    for name in ("inference_id", "input_location", "output_location", "failure_location"):
        assert all(each[name] for each in report["invocations"])
