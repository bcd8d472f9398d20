"""A catalogue of a test's own."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def catalogue(drawn_catalogue: Path, tmp_path: Path) -> Path:
    """A small catalogue that a test may change: one garment of each category."""
    for file in sorted(drawn_catalogue.rglob("*_0001.jpg")):
        target = tmp_path / "catalogue" / file.relative_to(drawn_catalogue)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return tmp_path / "catalogue"
