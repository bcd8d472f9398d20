"""Real photographs, folders named as their owners named them: outwear, longsleeve, t-shirt."""

from pathlib import Path

import pytest

from flows.nightly_validation import nightly_validation

ASSETS = Path(__file__).parents[3] / "shared" / "assets"
CATALOGUE, PICTURES = ASSETS / "clothing-train", ASSETS / "clothing"
A_LABEL = 8


@pytest.mark.usefixtures("prefect_backend", "local_aws")
@pytest.mark.skipif(not CATALOGUE.is_dir(), reason="the photographs are not beside this checkout (shared/assets)")
def test_a_nightly_run_on_photographs_passes(tmp_path: Path) -> None:
    for label in sorted(folder for folder in CATALOGUE.iterdir() if folder.is_dir()):
        for photograph in sorted(label.iterdir())[:A_LABEL]:
            (tmp_path / "catalogue" / label.name).mkdir(parents=True, exist_ok=True)
            (tmp_path / "catalogue" / label.name / photograph.name).symlink_to(photograph)
    outcome = nightly_validation(catalogue=str(tmp_path / "catalogue"), pictures=str(PICTURES / "images"))
    assert outcome.verdict == "PASS"
    assert outcome.left == ()
