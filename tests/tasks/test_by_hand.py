"""One picture, by hand."""

from pathlib import Path

import pytest

from tasks.by_hand import display, invoke_by_hand
from tasks.errors import InputError, InvocationFailedError, NotFoundError
from tasks.names import S3Location
from tasks.plan import RunPlan
from tasks.storage import exists, upload
from tests.tasks.deployed import ANSWER, BUCKET, deployed, picture_bytes, put_picture

FAILING = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): raise RuntimeError("out of memory")
"""


def test_a_picture_is_answered_if_it_is_waited_for_and_else_a_record_comes_back(plan: RunPlan, tmp_path: Path) -> None:
    name, file = deployed(plan).name, put_picture(tmp_path / "red.jpg")
    waited = invoke_by_hand(plan, name, image=str(file), wait=True)
    assert waited.response == ANSWER
    assert waited.record.state == "completed"
    uri = upload(picture_bytes(), S3Location(BUCKET, "mine/red.jpg"))
    sent = invoke_by_hand(plan, name, s3_image=uri)
    assert (sent.response, sent.record.state) == (None, "submitted")
    assert exists(S3Location.parse(sent.record.input_location))
    assert waited.to_dict()["response"] == ANSWER.to_dict()
    assert sent.to_dict()["invocation"]["inference_id"] == sent.record.inference_id


def test_a_failed_invocation_says_why(plan: RunPlan, tmp_path: Path) -> None:
    name, file = deployed(plan, handler=FAILING).name, put_picture(tmp_path / "red.jpg")
    with pytest.raises(InvocationFailedError, match=r"red\.jpg: failed: .*out of memory"):
        invoke_by_hand(plan, name, image=str(file), wait=True)


@pytest.mark.parametrize("given", [{}, {"image": "a.jpg", "s3_image": "s3://bucket/a.jpg"}])
def test_a_file_or_a_uri_is_needed_and_not_both(plan: RunPlan, given: dict[str, str]) -> None:
    with pytest.raises(InputError, match="Give either an image file or an S3 URI of one, not both and not neither"):
        invoke_by_hand(plan, "any", **given)


def test_an_endpoint_that_does_not_exist_is_named(plan: RunPlan, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="absent does not exist"):
        invoke_by_hand(plan, "absent", image=str(put_picture(tmp_path / "red.jpg")))


def test_a_person_reads_the_query_and_every_recommendation() -> None:
    lines = display(ANSWER).splitlines()
    assert lines[0] == "Query: upperwear_shirt (80%), unisex (70%), navy 100%"
    assert lines[1] == "TOP 3 RECOMMENDATIONS"
    assert lines[2] == "1. footwear/shoes/0001.png"
    assert "   Overall Score: 0.9000" in lines
    assert lines[-1] == "   bag goes with navy"
