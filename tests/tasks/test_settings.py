"""Settings from the environment, shown masked; the serving image of each region."""

import json
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tasks.errors import InputError
from tasks.settings import ACCOUNT_OF_AWS_IMAGES, Settings, cache_folder, serving_image, without_password

TABLE: dict[str, Any] = yaml.safe_load(ACCOUNT_OF_AWS_IMAGES.read_text())


def sdk_images() -> dict[str, Any]:
    """The SageMaker SDK's table of PyTorch images, read as a file because importing the SDK takes 5 s."""
    (found,) = [f for f in files("sagemaker-core") or () if str(f).endswith("image_uri_config/pytorch.json")]
    read: dict[str, Any] = json.loads(Path(str(found.locate())).read_text())
    return read["inference"]  # type: ignore[no-any-return]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYGIG_BUCKET", "mine")
    monkeypatch.setenv("STYGIG_REQUEST_TTL_SECONDS", "120")
    settings = Settings()
    assert (settings.bucket, settings.request_ttl_seconds) == ("mine", 120)


def test_settings_come_from_a_dotenv_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("STYGIG_OWNER=nightly\nOTHER=ignored\n")
    assert Settings().owner == "nightly"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STYGIG_REQUEST_TTL_SECONDS", "59"),
        ("STYGIG_REQUEST_TTL_SECONDS", "21601"),
        ("STYGIG_INVOCATION_TIMEOUT_SECONDS", "3601"),
        ("STYGIG_EXPIRES_AFTER_HOURS", "0"),
        ("STYGIG_CONTAINER_STARTUP_TIMEOUT_SECONDS", "59"),
        ("STYGIG_CONTAINER_STARTUP_TIMEOUT_SECONDS", "3601"),
        ("STYGIG_MODEL_DOWNLOAD_TIMEOUT_SECONDS", "59"),
        ("STYGIG_MODEL_DOWNLOAD_TIMEOUT_SECONDS", "3601"),
    ],
)
def test_a_setting_outside_of_awss_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("STYGIG_").lower()):
        Settings()


def test_the_shown_settings_hide_the_account_and_leave_out_what_is_empty() -> None:
    shown = Settings(execution_role_arn="arn:aws:iam::123456789012:role/serving", bucket="").masked()
    assert shown["execution_role_arn"] == "serving"
    assert "123456789012" not in "".join(shown.values())
    assert "bucket" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@registry.example/serving:1", "https://***@registry.example/serving:1"),
        ("me:secret@registry.example/serving:1", "***@registry.example/serving:1"),
        ('Could not connect to the endpoint URL: "http://u:p%40@host:1/x"', '"http://***@host:1/x"'),
        ("registry.example/serving@sha256:0a1b", "registry.example/serving@sha256:0a1b"),
        ("write to me@example.org", "write to me@example.org"),
    ],
)
def test_passwords_in_addresses_are_masked(text: str, shown: str) -> None:
    assert without_password(text).endswith(shown)
    assert "secret" not in without_password(text)
    assert Settings(image_uri=text).masked()["image_uri"] == without_password(text)


def test_the_image_that_is_set_wins() -> None:
    assert serving_image(Settings(image_uri="mine:1"), "nowhere-1") == "mine:1"


def test_the_image_is_that_of_the_region() -> None:
    image = serving_image(Settings(image_uri=""), "ap-south-1")
    assert image == "763104351884.dkr.ecr.ap-south-1.amazonaws.com/pytorch-inference:2.6.0-cpu-py312"


def test_the_image_for_gpus_is_that_of_the_region_unless_one_is_set() -> None:
    image = serving_image(Settings(image_uri=""), "cn-north-1", "gpu")
    assert image == "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/pytorch-inference:2.6.0-gpu-py312"
    assert serving_image(Settings(image_uri="mine:1"), "cn-north-1", "gpu") == "mine:1"


def test_a_region_without_an_image_is_named_with_those_that_have_one() -> None:
    with pytest.raises(InputError, match=r"'nowhere-1' \(known: af-south-1, .*STYGIG_IMAGE_URI"):
        serving_image(Settings(image_uri=""), "nowhere-1")


def test_the_accounts_are_those_of_the_sagemaker_sdk() -> None:
    number = TABLE["cpu"].partition("-")[0]
    known = sdk_images()["versions"][number]["registries"]
    assert TABLE["accounts"] == known


@pytest.mark.parametrize("for_processor", ["cpu", "gpu"])
def test_the_tags_are_the_newest_that_the_sagemaker_sdk_knows(for_processor: str) -> None:
    number, processor, python = TABLE[for_processor].split("-")
    assert processor == for_processor
    sdk = sdk_images()
    newest = max(sdk["versions"], key=lambda version: tuple(map(int, version.split("."))))
    assert number == newest
    assert processor in sdk["processors"]
    assert python in sdk["versions"][number]["py_versions"]
    assert TABLE["repository"] == sdk["versions"][number]["repository"]


def test_a_relative_cache_folder_is_the_same_from_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "mycache")
    assert cache_folder() == tmp_path / "mycache" / "stygig"
