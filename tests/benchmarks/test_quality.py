"""The quality harness: what it counts, what it prints, and what it says about wrong folders."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.quality_pictures import draw_labelled, label_key, read_labelled
from benchmarks.quality_scores import mean, precisions, share
from benchmarks.quality_text import label_embeddings, prompts_for
from recommender.catalogue.catalogue import Attributes
from tasks.encoder.choice import DEMO_FOLDER
from tasks.encoder.options import DEMO

PAIRS = "shirt,Shoes,DRESS"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two garments of each category."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_labelled(folder, 26)
    return folder


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return parsed


def test_drawn_garments_are_found_named_and_never_answered_with_their_like(
    drawn: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quality.main([str(drawn), "--labels", PAIRS, "--json"]) == 0
    said = last_line(capsys)
    assert (said["pictures"], said["gallery"], said["labels"]) == (6, 6, ["dress", "shirt", "shoes"])
    assert said["precision_at_5"] == pytest.approx(1 / 5)  # each picture's one other, among five
    assert said["zero_shot_accuracy"] >= 5 / 6
    assert said["exclusion_violations"] == 0
    assert said["recommendations"] > 20
    assert said["colour_name_agreement"] >= said["first_colour_name_agreement"] >= 0.5
    for name in ("precision_at_5", "zero_shot_accuracy", "colour_name_agreement"):
        low, high = said[f"{name}_95"]
        assert 0 <= low <= said[name] <= high <= 1


def test_a_gallery_is_searched_instead_of_the_other_queries(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quality.main([str(drawn), "--labels", "shirt,hat", "--gallery", str(drawn), "--json"]) == 0
    said = last_line(capsys)
    assert said["gallery"] == 4
    assert said["precision_at_5"] == pytest.approx(1 / 2)  # itself and its other, among four


def test_a_forbidden_recommendation_is_counted_and_ends_in_status_1(
    drawn: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "excludes", lambda query, candidate: True)
    assert quality.main([str(drawn), "--labels", "shirt,hat"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "demo: 4 pictures of 2 labels among 4"
    table = {line[:30].strip(): line[30:].split() for line in lines[2:]}
    assert {"precision at 5", "zero shot accuracy", "colour name agreement"} < set(table)
    violations, _, recommendations = table["exclusion violations"]
    assert violations == recommendations != "0"


def test_where_nothing_can_be_recommended_nothing_is_proved(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quality.main([str(drawn), "--labels", "shirt,tshirt"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("Nothing was recommended in 8 answers: of the pictures to search")
    assert "upperwear_shirt, upperwear_tshirt, none goes with" in said.err
    assert said.out == ""


def write_table(folder: Path, *rows: tuple[str, ...]) -> Path:
    with (folder / "labels.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return folder


@pytest.mark.parametrize(
    ("rows", "labels", "said"),
    [
        ([], "", "needs a header with the columns file and label, each once; it has none"),
        ([("name", "label")], "", "needs a header with the columns file and label, each once; it has name, label"),
        ([("file", "label")], "", "names no pictures"),
        ([("file", "label"), ("a.jpg", "Hat"), ("b.jpg", " ")], "", "1 rows without a label, first that of 'b.jpg'"),
        ([("File", " Label"), ("a.jpg", "Hat"), ("", " "), ("a.jpg", "Cap")], "", "line 4: a.jpg stands in line 2 too"),
        ([("file", "label"), ("x" * 200_000, "Hat")], "", "labels.csv is no CSV in UTF-8: field larger"),
        ([("file", "label"), ("a.jpg", "Hat")], "", "1 files that don't exist, first a.jpg"),
        ([("file", "label"), ("x" * 5_000, "Hat")], "", "1 files that don't exist, first xxx"),
        ([("file", "label"), ("x" * 5_000, "Hat")], "Sock", "no picture labelled Sock; its labels are Hat"),
        ([("file", "label"), ("a.jpg", "Hat")], "Hat,Sock", "no picture labelled Sock; its labels are Hat"),
    ],
)
def test_a_wrong_table_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: Any, labels: str, said: str
) -> None:
    assert quality.main([str(write_table(tmp_path, *rows)), "--labels", labels]) == 2
    assert said in capsys.readouterr().err


def test_a_table_in_another_encoding_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,chapéu\n", encoding="latin-1")
    assert quality.main([str(tmp_path)]) == 2
    assert "labels.csv is no CSV in UTF-8" in capsys.readouterr().err


def test_a_missing_folder_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quality.main([str(tmp_path / "none")]) == 2
    assert "No labels.csv in" in capsys.readouterr().err


def test_a_damaged_picture_is_named(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("bad.jpg", "worse.jpg"):
        (tmp_path / name).write_bytes(b"nothing to see")
    write_table(tmp_path, ("file", "label"), ("bad.jpg", "Hat"), ("worse.jpg", "Shirt"))
    assert quality.main([str(tmp_path), "--gallery", str(drawn)]) == 2
    assert "bad.jpg can't be asked about" in capsys.readouterr().err


def test_a_damaged_picture_of_the_gallery_is_named(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (drawn / "00001.jpg").read_bytes()
    rows = [(f"{number}.jpg", "shirt" if number % 2 else "hat") for number in range(11)]  # of fewer, one is too many
    for name, _ in rows:
        (tmp_path / name).write_bytes(b"nothing to see" if name == "0.jpg" else whole)
    write_table(tmp_path, ("file", "label"), *rows)
    assert quality.main([str(drawn), "--labels", "shirt,hat", "--gallery", str(tmp_path)]) == 2
    assert "0.jpg can't be asked about" in capsys.readouterr().err


def test_one_label_alone_is_refused(drawn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quality.main([str(drawn), "--labels", "hat"]) == 2
    assert "needs two labels or more" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["folder", "--drawn", "5"], ["--drawn", "0"]])
def test_queries_are_a_folder_or_drawn(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        quality.main(arguments)


def test_labels_are_compared_without_case_and_dashes(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).touch()
    write_table(tmp_path, ("file", "label"), ("a.jpg", "T-Shirt"), ("b.jpg", "Body"), ("c.jpg", "one-piece_dress"))
    (shirt,) = read_labelled(tmp_path, ["tshirt"])
    assert (shirt.label, shirt.key, shirt.category, shirt.colour) == ("T-Shirt", "tshirt", "upperwear_tshirt", None)
    assert [each.category for each in read_labelled(tmp_path)] == ["upperwear_tshirt", None, "one-piece_dress"]


@pytest.mark.parametrize(
    "names",
    [
        ("T-Shirt", "t shirts", "tshirts"),
        ("Shoe", "shoes"),
        ("dress", "Dresses"),
        ("blouse", "blouses"),
        ("Watch", "watches"),
    ],
)
def test_a_label_is_the_same_in_either_number(names: tuple[str, ...]) -> None:
    assert len({label_key(name) for name in names}) == 1


def test_a_label_in_the_other_number_counts_as_the_same(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("00001.jpg", "shirt"), ("00014.jpg", "Shirts")]
    for name, _ in rows:
        (tmp_path / name).write_bytes((drawn / name).read_bytes())
    write_table(tmp_path, ("file", "label"), *rows)
    assert [each.category for each in read_labelled(tmp_path, ["shirts"])] == ["upperwear_shirt"] * 2
    assert quality.main([str(tmp_path)]) == 2
    assert "1 labels and 2 pictures" in capsys.readouterr().err


def test_precision_counts_the_nearest_and_leaves_the_picture_itself_out() -> None:
    angles = np.radians([0, 10, 90, 80])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    labels = ["a", "a", "b", "a"]
    assert precisions(rows, labels, rows, labels, itself=True, k=1) == [1, 1, 0, 0]
    assert precisions(rows, labels, rows, labels, itself=False, k=1) == [1, 1, 1, 1]
    assert precisions(rows[:1], ["a"], rows, labels, itself=False, k=5) == [0.75]


@pytest.mark.parametrize(
    ("right", "of", "low", "high"), [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (50, 50, 0.9287, 1.0)]
)
def test_a_share_has_wilsons_interval(right: int, of: int, low: float, high: float) -> None:
    score = share([True] * right + [False] * (of - right))
    assert (score.value, score.pictures) == (right / of, of)
    assert (score.low, score.high) == pytest.approx((low, high), abs=1e-4)


def test_a_mean_has_about_the_interval_of_its_standard_error() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.2, 400).tolist()
    score = mean(values)
    assert (score.high - score.low) / 2 == pytest.approx(1.96 * 0.2 / 20, rel=0.15)
    assert score == mean(values)
    assert mean([0.4] * 9).low == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("label", "caption"),
    [
        ("T-Shirt", "a photo of a t-shirt"),
        ("T-Shirts", "a photo of a t-shirt"),
        ("Outwear", "a photo of a jacket"),
        ("Longsleeve", "a photo of a longsleeve"),
        ("upperwear_jacket", "a photo of a jacket"),
        ("Hoodie", "a photo of a hoodie"),
    ],
)
def test_a_label_is_said_in_the_words_of_captions(label: str, caption: str) -> None:
    assert prompts_for(label)[0] == caption


@pytest.mark.clip
def test_the_text_tower_embeds_categories_as_the_artifact_holds_them() -> None:
    rows = json.loads((DEMO_FOLDER / "attributes.json").read_text())
    names = tuple(row["value"] for row in rows if row["kind"] == "category")
    held = Attributes(names, np.load(DEMO_FOLDER / "attributes.npy")[: len(names)])
    without_shirt = Attributes(names[1:], held.embeddings[1:])
    made = label_embeddings(["Shirt", "Hat", "Longsleeve"], without_shirt, DEMO)
    ready = label_embeddings(["Shirt", "Hat"], held, DEMO)
    assert (made[:2] * ready).sum(axis=1) == pytest.approx([1, 1], abs=1e-3)
    assert np.linalg.norm(made, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert made[2] @ made[0] > made[2] @ made[1]  # a longsleeve is more of a shirt than of a hat
