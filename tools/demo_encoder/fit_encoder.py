"""Fit the demo encoder on drawn garments and photographs, and write the folder that the recommender reads."""

import argparse
import csv
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from tasks.demo.garments import GARMENT_KINDS, garments
from tasks.encoder.prompts import category_prompts
from tools.demo_encoder import training_set
from tools.demo_encoder.captions import CATEGORIES, PHOTOGRAPH_LABELS, Facts
from tools.demo_encoder.encoder_folder import MERGES_FILE, EncoderFolderError, check_size, write_description
from tools.demo_encoder.export import ExportError, check_same, export_image_tower, export_text_tower, frozen_trunk
from tools.demo_encoder.fitting import Examples, Schedule, fit
from tools.demo_encoder.measure import Measured, scores
from tools.demo_encoder.towers import IMAGE_SIZE, Floats, Towers, build, pixels, tokenizer, write_merges
from tools.demo_encoder.training_set import Example, TrainingSetError

log = logging.getLogger(__name__)

_VIEWS = 4
_CHECKED_PICTURES = 64
_MEASURED_DRAWINGS = 24 * len(GARMENT_KINDS)
_CATALOGUE_SEED = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, export, check and measure; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("onnxscript").setLevel(logging.WARNING)
    logging.getLogger("onnx_ir").setLevel(logging.WARNING)
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)  # sums depend on it a little; so the same seed gives the same encoder
    try:
        fit_encoder(options)
    except (TrainingSetError, ExportError, EncoderFolderError) as error:
        log.error("%s", error)
        return 2
    return 0


def fit_encoder(options: argparse.Namespace) -> None:
    """Write the encoder folder that the options ask for, once everything in it has been checked."""
    held_out = held_out_photographs(options.evaluate) if options.evaluate else []
    photographs = [path for path, _ in training_set.photograph_files(options.photographs)]
    with TemporaryDirectory() as folder:
        draft = Path(folder)
        towers = fresh_towers(draft / MERGES_FILE, options.seed)
        fit(towers, gather(towers, options), Schedule(steps=options.steps, seed=options.seed))
        export_image_tower(towers.model, draft / "image.onnx")
        export_text_tower(towers.model, draft / "text.onnx")
        measured = check(towers, photographs[:: max(1, len(photographs) // _CHECKED_PICTURES)], draft)
        measured |= measure_drawn(towers)
        if held_out:
            measured |= measure_photographs(towers, held_out)
        write_description(draft, towers, measured)
        size = check_size(draft)
        shutil.copytree(draft, options.out, dirs_exist_ok=True)
    log.info("%s: %s bytes, %s", options.out, f"{size:,}", measured)


def fresh_towers(merges: Path, seed: int) -> Towers:
    """Return towers with the trunk's ImageNet weights, the rest drawn by seed; write the tokenizer's merges."""
    write_merges(merges)
    tokenize = tokenizer(merges)
    torch.manual_seed(seed)
    model = build(tokenize.vocab_size)
    return Towers(model, tokenize, frozen_trunk(model))


def gather(towers: Towers, options: argparse.Namespace) -> Examples:
    """Return every training picture's features, read from the cache where it holds them."""
    sources = {
        f"photograph-{_VIEWS}-{options.seed}": training_set.photographs(
            options.photographs, views=_VIEWS, seed=options.seed
        ),
        f"drawn-{options.drawn}": training_set.drawn(options.drawn),
    }
    if options.fashion_mnist:
        sources["fashion_mnist-300"] = training_set.fashion_mnist(options.fashion_mnist, per_label=300)
    parts = [_features_of(towers, name, source, options.cache) for name, source in sources.items()]
    return Examples(
        features=np.concatenate([rows for rows, _ in parts]),
        facts=tuple(facts for _, known in parts for facts in known),
        sources=tuple(name.split("-")[0] for name, (rows, _) in zip(sources, parts, strict=True) for _ in rows),
    )


def check(towers: Towers, pictures: Sequence[Path], folder: Path) -> Measured:
    """Return the lowest cosines between the written towers and torch's, on photographs and on every prompt."""
    batch = pixels([Image.open(path) for path in pictures])
    tokens = towers.tokenize([prompt for name in CATEGORIES for prompt in category_prompts(name)])
    with torch.inference_mode():
        embeddings = towers.model.encode_image(torch.from_numpy(batch)).numpy()
        texts = towers.model.encode_text(tokens).numpy()
    return {
        "image_onnx_lowest_cosine": round(check_same(folder / "image.onnx", batch, embeddings), 5),
        "text_onnx_lowest_cosine": round(check_same(folder / "text.onnx", tokens.numpy(), texts), 5),
    }


def measure_drawn(towers: Towers) -> Measured:
    """Return the scores on a drawn catalogue, whose pictures the encoder was not fitted on."""
    shown = list(garments(_MEASURED_DRAWINGS, _CATALOGUE_SEED))
    embeddings = towers.embed_pictures(garment.picture for garment in shown)
    return scores("drawn", towers, embeddings, [garment.kind.category for garment in shown], CATEGORIES)


def measure_photographs(towers: Towers, files: Sequence[tuple[Path, str]]) -> Measured:
    """Return the scores on photographs that the encoder was not fitted on."""
    embeddings = towers.embed_pictures(Image.open(path) for path, _ in files)
    labels = [category for _, category in files]
    return scores("photographs", towers, embeddings, labels, tuple(PHOTOGRAPH_LABELS.values()))


def held_out_photographs(folder: Path) -> list[tuple[Path, str]]:
    """Return the photographs in labels.csv that have one of the ten labels, each with its category."""
    table = folder / "labels.csv"
    if not table.exists():
        raise TrainingSetError(
            f"{table} is missing: name the folder that holds labels.csv (file, label) and the pictures"
        )
    with table.open(encoding="utf-8", newline="") as file:
        rows = [(folder / row["file"], row["label"].lower()) for row in csv.DictReader(file)]
    return [(path, PHOTOGRAPH_LABELS[label]) for path, label in rows if label in PHOTOGRAPH_LABELS]


def _features_of(
    towers: Towers, name: str, source: Iterator[Example], cache: Path | None
) -> tuple[Floats, list[Facts]]:
    stored = cache / f"{name}-{IMAGE_SIZE}.npz" if cache else None
    if stored and stored.exists():
        with np.load(stored, allow_pickle=False) as arrays:
            return arrays["features"], [Facts(*map(str, row)) for row in arrays["facts"]]
    known: list[Facts] = []
    rows = towers.features(example.picture for example in _noted(source, name, known))
    if stored:
        stored.parent.mkdir(parents=True, exist_ok=True)
        np.savez(stored, allow_pickle=False, features=rows, facts=np.array([facts.values() for facts in known]))
    return rows, known


def _noted(source: Iterator[Example], name: str, known: list[Facts]) -> Iterator[Example]:
    for example in source:
        known.append(example.facts)
        if len(known) % 500 == 0:
            log.info("%s: %d pictures", name, len(known))
        yield example


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return path


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above zero")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.demo_encoder.fit_encoder", description=__doc__)
    parser.add_argument("--photographs", type=_folder, required=True, help="training photographs, one folder per label")
    parser.add_argument("--fashion-mnist", type=_folder, help="Fashion-MNIST's four files (optional)")
    parser.add_argument("--evaluate", type=_folder, help="photographs to measure on, with labels.csv (optional)")
    parser.add_argument("--out", type=Path, required=True, help="the encoder folder to write")
    parser.add_argument("--cache", type=Path, help="keep the trunk's features here between runs (optional)")
    parser.add_argument("--drawn", type=_positive, default=240 * len(GARMENT_KINDS), help="drawn garments to fit on")
    parser.add_argument("--steps", type=_positive, default=Schedule.steps, help="fitting steps")
    parser.add_argument("--seed", type=_positive, default=7, help="same seed, same encoder on the same versions")
    return parser


if __name__ == "__main__":
    sys.exit(main())
