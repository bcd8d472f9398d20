"""Scripts written for the previous recommender run unchanged, from deployment to display."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localaws import LocalAws
from recommender.attributes import CATEGORIES, GENDERS
from tests.deployments.localaws.cloud import BUCKET, Cloud

PROGRAM = Path(__file__).with_name("earlier_client.py")
PICTURE_KEY = "train/bottomwear/skirt/bottomwear_skirt1.png"
ROW = re.compile(
    r"(?P<rank>\d+)\. (?P<item_id>.+)\n"
    r"   Category: (?P<category>.+)\n"
    r"   Gender: (?P<gender>.+)\n"
    r"   Overall Score: (?P<score>[01]\.\d{4})\n"
    r"   Color Match: (?P<colour>[01]\.\d{4})\n"
    r"   Category Match: (?P<match>[01]\.\d{4})\n"
    r"   Gender Match: (?P<fits>[01]\.\d{4})\n"
    r"   Colors: \n"
    r"   Label: (?P<label>.+): (?P<reason>.+)\n"
    r"   Picture: (?P<path>.+)\n"
)


@dataclass
class Ran:
    """The program's output, and the rows it displayed."""

    text: str
    rows: list[dict[str, str]]


@pytest.fixture
def cloud(local_aws: LocalAws, packed: Path, draw: Any, encoded: Any) -> Cloud:
    """An account with the model archive and a picture in its bucket."""
    cloud = Cloud(local_aws)
    cloud.s3.create_bucket(Bucket=BUCKET)
    cloud.s3.upload_file(str(packed), BUCKET, "model.tar.gz")
    cloud.s3.put_object(Bucket=BUCKET, Key=PICTURE_KEY, Body=encoded(draw("bottomwear_skirt", "red")))
    return cloud


def run(cloud: Cloud, folder: Path, *more: str) -> Ran:
    """Run the program; only AWS's own variables tell it where AWS is."""
    cloud.s3.download_file(BUCKET, PICTURE_KEY, str(folder / "query.png"))
    topic = cloud.client("sns").create_topic(Name="stygig-async-inference-notifications")["TopicArn"]
    aws = {name: value for name, value in cloud.aws.environment().items() if name.startswith("AWS_")}
    arguments = ("--bucket", BUCKET, "--model-uri", f"s3://{BUCKET}/model.tar.gz", "--image", "query.png")
    command = [sys.executable, str(PROGRAM), *arguments, "--topic", topic, "--role", cloud.aws.execution_role_arn]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **aws}
    done = subprocess.run([*command, *more], env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Ran(done.stdout, [found.groupdict() for found in ROW.finditer(done.stdout)])


def test_they_deploy_ask_and_display_unchanged(cloud: Cloud, tmp_path: Path) -> None:
    ran = run(cloud, tmp_path)
    assert [row["rank"] for row in ran.rows] == ["1", "2", "3", "4", "5"]
    assert {row["category"] for row in ran.rows} <= set(CATEGORIES) - {"bottomwear_skirt"}
    assert {row["gender"] for row in ran.rows} <= set(GENDERS)
    assert all(row["item_id"] == row["label"] == row["path"] for row in ran.rows)
    scores = [float(row["score"]) for row in ran.rows]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= 0.2
    assert "Input Category: bottomwear_skirt\n" in ran.text
    assert "Dominant Colors: red\n" in ran.text
    assert "TOP 5 RECOMMENDATIONS:\n" in ran.text
    assert "Total items searched: 78\nModel version: 0123456789ab\n" in ran.text
    assert float(re.findall(r"Processing time: (.+)ms", ran.text)[0]) > 0
    assert cloud.sagemaker.list_models()["Models"] == []


def test_they_ask_about_a_picture_in_s3_if_the_model_may_read_it(cloud: Cloud, tmp_path: Path) -> None:
    ran = run(cloud, tmp_path, "--image-key", PICTURE_KEY, "--allowed", f"s3://{BUCKET}/train/")
    assert len(ran.rows) == 10
    assert ran.rows[:5] == ran.rows[5:]
