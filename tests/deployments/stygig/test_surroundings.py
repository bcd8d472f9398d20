"""What is left over in somebody's environment does not lead a run on one's own machine astray."""

import os
import subprocess
import sys
from pathlib import Path

from stygig.surroundings import without_strangers


def test_profiles_go_and_loopback_needs_no_proxy_beside_what_needs_none_already() -> None:
    found = without_strangers({"AWS_PROFILE": "work", "AWS_DEFAULT_PROFILE": "work", "NO_PROXY": "a.example", "X": "1"})
    assert found == {"X": "1", "NO_PROXY": "a.example,127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def test_a_night_passes_beside_a_dead_proxy_and_a_stray_profile(drawn_catalogue: Path, tmp_path: Path) -> None:
    strays = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "stygig", "nightly", "--local", "--catalogue", str(drawn_catalogue)],
        env=os.environ | strays | {"AWS_PROFILE": "nonexistent"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASS")
