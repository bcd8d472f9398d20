"""The quality of the answers: neighbours of the same label, labels named without a classifier, forbidden categories.

`python -m benchmarks.quality QUERIES` measures on a folder of pictures with labels.csv (file, label; a column colour
adds colour names), `python -m benchmarks.quality --drawn 312` on garments drawn for it. Without a gallery each picture
is asked about among all the others. The exit status is 1 if an answer held a category that can't complete the outfit.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality_pictures import Labelled, draw_labelled, label_key, read_labelled
from benchmarks.quality_scores import Floats, Score, mean, precisions, share
from benchmarks.quality_text import label_embeddings
from recommender.attributes import excludes
from recommender.colours.dominant import MAX_COLOURS
from recommender.encoding.encoder import Encoder
from recommender.errors import RequestError
from recommender.pictures.image import decode_for, preprocess
from recommender.recommend import Recommender
from recommender.schema import MAX_TOP_K, Request, Response
from tasks.encoder.choice import EncoderChoice
from tasks.encoder.options import DEMO
from tasks.errors import InputError, StygigError
from tasks.packaging.building import build
from tasks.pictures.files import read_bytes


@dataclass(frozen=True)
class Quality:
    """The measured quality; colours only if the colours that the pictures were drawn in are known."""

    encoder: str
    labels: tuple[str, ...]
    gallery: int
    precision_at_5: Score
    zero_shot: Score
    exclusion_violations: int
    recommendations: int
    first_colour: Score | None
    any_colour: Score | None

    @property
    def scores(self) -> dict[str, Score]:
        """Every score that could be measured, by its name."""
        named = {
            "precision_at_5": self.precision_at_5,
            "zero_shot_accuracy": self.zero_shot,
            "first_colour_name_agreement": self.first_colour,
            "colour_name_agreement": self.any_colour,
        }
        return {name: score for name, score in named.items() if score is not None}

    def to_json(self) -> str:
        """One line; the scores by name, each with its interval beside it."""
        values = {name: round(score.value, 4) for name, score in self.scores.items()}
        intervals = {f"{name}_95": [round(score.low, 4), round(score.high, 4)] for name, score in self.scores.items()}
        counts = {
            "exclusion_violations": self.exclusion_violations,
            "recommendations": self.recommendations,
            "pictures": self.precision_at_5.pictures,
            "gallery": self.gallery,
        }
        return json.dumps({**values, **counts, **intervals, "labels": self.labels, "encoder": self.encoder})


def measure(queries: Sequence[Labelled], gallery: Sequence[Labelled] | None, encoder: str) -> Quality:
    """Measure the answers about the queries among the gallery, or without one among the other queries."""
    among = queries if gallery is None else gallery
    labels = sorted({each.key: each.label for each in queries}.values())
    _check_enough(labels, among, gallery is None)
    with tempfile.TemporaryDirectory(prefix="stygig-quality-") as folder:
        recommender = _packaged(among, encoder, Path(folder) / "artifact")
        texts = label_embeddings(labels, recommender.catalogue.attributes["category"], encoder)
        answers = [_ask(recommender, each) for each in queries]
        rows = np.array([answer.query.embedding for answer in answers], dtype=np.float32)
        others = rows if gallery is None else _embed(recommender, among)
        told = [_ask(recommender, each, each.category) for each in queries if each.category]
    _check_answered([*answers, *told], among)
    own, theirs = [each.key for each in queries], [each.key for each in among]
    named = [label_key(labels[at]) for at in (rows @ texts.T).argmax(axis=1)]
    return Quality(
        encoder=encoder,
        labels=tuple(labels),
        gallery=len(among),
        precision_at_5=mean(precisions(rows, own, others, theirs, itself=gallery is None)),
        zero_shot=share([name == key for name, key in zip(named, own, strict=True)]),
        exclusion_violations=sum(map(violations, [*answers, *told])),
        recommendations=sum(len(each.recommendations) for each in [*answers, *told]),
        first_colour=_colour_names(queries, answers, most=1),
        any_colour=_colour_names(queries, answers, most=MAX_COLOURS),
    )


def violations(answer: Response) -> int:
    """The number of recommendations that fill the same slot of the outfit as the garment asked about."""
    return sum(excludes(answer.query.category, each.category) for each in answer.recommendations)


def _check_enough(labels: Sequence[str], among: Sequence[Labelled], leave_one_out: bool) -> None:
    if len(labels) < 2 or len(among) < 1 + leave_one_out:
        raise InputError(f"{len(labels)} labels and {len(among)} pictures to search: quality needs two labels or more.")


def _check_answered(answers: Sequence[Response], among: Sequence[Labelled]) -> None:
    """Raise InputError if nothing was recommended: that nothing was forbidden would then prove nothing."""
    if not any(each.recommendations for each in answers):
        categories = ", ".join(sorted({each.category for each in among if each.category}))
        raise InputError(
            f"Nothing was recommended in {len(answers)} answers: of the pictures to search, whose categories are "
            f"{categories}, none goes with a picture asked about. Add garments of other categories."
        )


def _packaged(gallery: Sequence[Labelled], encoder: str, folder: Path) -> Recommender:
    """The recommender as it is shipped; its catalogue is the pictures whose labels stand for categories."""
    entries = [each.entry for each in gallery]
    known = [entry for entry in entries if entry is not None]
    if not known:
        raise InputError("No label of the gallery stands for a category; see tasks/packaging/category_names.yaml.")
    build(known, EncoderChoice(encoder), folder, lambda line: None)
    return Recommender.load(folder)


def _ask(recommender: Recommender, picture: Labelled, category: str | None = None) -> Response:
    request = Request(image=read_bytes(picture.file), top_k=MAX_TOP_K, category=category, include_embedding=True)
    with _naming(picture):
        return recommender.answer(request)


def _embed(recommender: Recommender, pictures: Sequence[Labelled]) -> Floats:
    return np.concatenate([_embedding(recommender.encoder, each) for each in pictures])


def _embedding(encoder: Encoder, picture: Labelled) -> Floats:
    with _naming(picture):
        image = decode_for(encoder.spec, read_bytes(picture.file))
    return encoder.encode(preprocess(image, encoder.spec)[None])


@contextmanager
def _naming(picture: Labelled) -> Iterator[None]:
    """Turn the refusal of a picture into an InputError that names it."""
    try:
        yield
    except RequestError as error:
        raise InputError(f"{picture.file} can't be asked about: {error}") from error


def _colour_names(queries: Sequence[Labelled], answers: Sequence[Response], most: int) -> Score | None:
    """The share of answers with the drawn colour among their first names; in a check it may well come second."""
    named = [{each.name for each in answer.query.dominant_colours[:most]} for answer in answers]
    right = [query.colour in names for query, names in zip(queries, named, strict=True) if query.colour]
    return share(right) if right else None


def report(found: Quality) -> str:
    """The results as a table for people."""
    about = f"{found.encoder}: {found.precision_at_5.pictures} pictures of {len(found.labels)} labels"
    lines = [f"{about} among {found.gallery}", f"{'measure':<30}{'value':>7}   95 % interval"]
    for name, each in found.scores.items():
        lines.append(f"{name.replace('_', ' '):<30}{each.value:>7.3f}   {each.low:.3f} – {each.high:.3f}")
    lines.append(f"{'exclusion violations':<30}{found.exclusion_violations:>7}   of {found.recommendations}")
    return "\n".join(lines)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("queries", type=Path, nargs="?", help="a folder with labels.csv and the pictures it names")
    parser.add_argument("--gallery", type=Path, help="such a folder to search in, instead of the other queries")
    parser.add_argument("--labels", default="", help="only pictures of these labels, separated by commas")
    parser.add_argument("--encoder", default=DEMO, help="as for packaging (%(default)s)")
    parser.add_argument("--drawn", type=int, metavar="N", help="draw N garments and ask about those")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    chosen = parser.parse_args(arguments)
    if (chosen.queries is None) == (chosen.drawn is None):
        parser.error("give either a folder of queries or --drawn N")
    if chosen.drawn is not None and chosen.drawn < 1:
        parser.error(f"--drawn takes a number of garments, at least 1; found {chosen.drawn}")
    return chosen


def run(chosen: argparse.Namespace) -> Quality:
    """Measure as the command line asks."""
    only = [label.strip() for label in chosen.labels.split(",") if label.strip()]
    if chosen.labels and not only:
        raise InputError(f"--labels {chosen.labels!r} names no label.")
    gallery = read_labelled(chosen.gallery, only) if chosen.gallery else None
    if chosen.drawn is None:
        return measure(read_labelled(chosen.queries, only), gallery, chosen.encoder)
    with tempfile.TemporaryDirectory(prefix="stygig-drawn-") as folder:
        draw_labelled(Path(folder), chosen.drawn)
        return measure(read_labelled(Path(folder), only), gallery, chosen.encoder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    chosen = _arguments(arguments)
    try:
        found = run(chosen)
    except StygigError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(found))
    if chosen.json:
        print(found.to_json())
    return 1 if found.exclusion_violations else 0


if __name__ == "__main__":
    sys.exit(main())
