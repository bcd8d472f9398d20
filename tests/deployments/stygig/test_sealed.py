"""Nothing that is left over in the user's settings reaches a run on one's own machine, and none of it leaves there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from prefect.settings import Settings
from prefect.settings.legacy import _get_settings_fields

from stygig.sealed import sealed

SOURCE = Path(__file__).with_name("loopback_only.c")
COMPILER = shutil.which("gcc") or shutil.which("cc")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "NO_PROXY")
TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSLKEYLOGFILE")
CREDENTIALS = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ROLE_ARN"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SAGEMAKER", "AWS_LOGIN"),
)


def names_of_botocore() -> set[str]:
    sources = (each[1] for each in BOTOCORE_DEFAUT_SESSION_VARIABLES.values())
    return {name for source in sources for name in ([source] if isinstance(source, str) else source or [])}


def nonsense(folder: Path) -> dict[str, str]:
    """Each setting of botocore, httpx and Prefect, and those of Python that let it start at all, set to nonsense."""
    prefect = {name for name in _get_settings_fields(Settings) if name.startswith("PREFECT_")}
    every = {*names_of_botocore(), *CREDENTIALS, *PROXIES, *map(str.lower, PROXIES), *TRUST, *prefect}
    python = {"PYTHONPATH": str(folder / "nowhere"), "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"}
    return dict.fromkeys(every, "nonsense") | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"} | python


def files_that_mislead(home: Path, folder: Path) -> None:
    """AWS's and Prefect's files, in the home folder and where the command is given."""
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "config").write_text("[default]\nignore_configured_endpoint_urls = true\nregion = nowhere-1\n")
    (home / ".aws" / "credentials").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    (home / ".prefect").mkdir()
    (home / ".prefect" / "profiles.toml").write_text(
        'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )
    (folder / "prefect.toml").write_text('[api]\nurl = "http://127.0.0.1:9/api"\n')
    (folder / ".env").write_text(
        "PREFECT_API_URL=http://127.0.0.1:9/api\nPREFECT_LOGGING_LEVEL=verbose\nSTYGIG_CREDENTIALS_BLOCK=work\n"
    )


@pytest.mark.skipif(
    sys.platform != "linux" or not COMPILER, reason="needs Linux and a C compiler, to see compiled libraries' network"
)
def test_a_night_passes_beside_nonsense_in_every_setting_and_asks_nobody(drawn_catalogue: Path, tmp_path: Path) -> None:
    home, record, library = tmp_path / "home", tmp_path / "network", tmp_path / "loopback_only.so"
    files_that_mislead(home, tmp_path)
    compiled = [str(COMPILER), "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(compiled, check=True, capture_output=True)
    watched = {"LD_PRELOAD": str(library), "STYGIG_NETWORK_RECORD": str(record)}
    done = subprocess.run(
        [sys.executable, "-m", "stygig", "nightly", "--local", "--catalogue", str(drawn_catalogue)],
        env=os.environ | nonsense(tmp_path) | {"HOME": str(home)} | watched,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASS")
    assert (record.read_text() if record.exists() else "") == ""
    assert sorted(path.name for path in home.iterdir()) == [".aws", ".prefect"]


def test_a_proxy_for_downloads_stays_and_loopback_needs_none(tmp_path: Path) -> None:
    found = sealed({"HTTPS_PROXY": "http://proxy.example:3128", "HTTP_PROXY": "http://proxy.example:3128"}, tmp_path)
    assert found["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert "HTTP_PROXY" not in found
    assert found["NO_PROXY"] == found["no_proxy"] == "127.0.0.1,localhost,::1"


def test_a_prefect_api_that_is_set_and_dead_is_one_line(tmp_path: Path, drawn_catalogue: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stygig", "package", "--catalogue", str(drawn_catalogue)],
        env=os.environ | {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: PREFECT_API_URL is http://127.0.0.1:9/api, and nothing answers there: ")
    assert "unset it" in done.stderr
