"""The drawn catalogue: 13 categories of garments, the same bytes for the same seed."""

import csv
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFilter

from tasks.demo import accessories, bottoms, footwear, tops
from tasks.demo.patterns import COLOURS, PATTERNS, RGB, jittered, mixed
from tasks.demo.sketch import Sketch
from tasks.prefect_task import Progress, silent

PICTURE_SIZE = (200, 260)
COMPLETE = ".drawn.json"
_EDITION = 1  # raise it when a change of the drawing must redraw existing folders
_QUALITY = 90
TOLD_EVERY = 80


@dataclass(frozen=True)
class GarmentKind:
    """One of the 13 categories: its drawing function, and the genders and patterns to choose from."""

    group: str
    type: str
    draw: Callable[[Sketch], None]
    genders: tuple[str, ...]
    patterns: tuple[str, ...]

    @property
    def category(self) -> str:
        """Return the full name, group_type."""
        return f"{self.group}_{self.type}"


# A value that is listed twice is chosen twice as often.
_ALL = ("male", "female", "unisex")
_HER = ("female",)
_PLAIN_MOSTLY = ("plain", "plain", "plain", "checked", "striped", "floral")
GARMENT_KINDS = (
    GarmentKind("upperwear", "shirt", tops.shirt, ("male", "male", "female", "unisex"), PATTERNS[:5]),
    GarmentKind(
        "upperwear",
        "tshirt",
        tops.tshirt,
        _ALL,
        ("plain", "striped", "polka", "floral", "graphic", "graphic", "knitted"),
    ),
    GarmentKind("upperwear", "jacket", tops.jacket, _ALL, ("plain", "plain", "plain", "checked", "knitted")),
    GarmentKind("bottomwear", "pants", bottoms.pants, _ALL, ("plain", "plain", "plain", "checked", "striped")),
    GarmentKind("bottomwear", "shorts", bottoms.shorts, _ALL, PATTERNS[:5]),
    GarmentKind("bottomwear", "skirt", bottoms.skirt, _HER, PATTERNS[:5]),
    GarmentKind("footwear", "shoes", footwear.shoes, ("male", "male", "unisex"), ("plain",)),
    GarmentKind("footwear", "sneakers", footwear.sneakers, _ALL, ("plain", "plain", "plain", "checked")),
    GarmentKind("footwear", "heels", footwear.heels, _HER, ("plain", "plain", "plain", "polka")),
    GarmentKind("footwear", "flats", footwear.flats, _HER, ("plain", "plain", "plain", "polka", "floral")),
    GarmentKind("accessories", "bag", accessories.bag, ("female", "female", "unisex"), _PLAIN_MOSTLY),
    GarmentKind("accessories", "hat", accessories.hat, _ALL, ("plain", "plain", "knitted", "checked")),
    GarmentKind(
        "one-piece", "dress", tops.dress, _HER, ("plain", "striped", "checked", "polka", "floral", "floral", "knitted")
    ),
)


@dataclass(frozen=True)
class DrawnGarment:
    """A drawn picture, with the facts that it was drawn from."""

    kind: GarmentKind
    colour: str
    gender: str
    pattern: str
    picture: Image.Image


@dataclass(frozen=True)
class DrawnCatalogue:
    """A complete folder of drawn garments; `drawn` is False if an earlier call had drawn it."""

    folder: Path
    items: int
    seed: int
    drawn: bool

    @property
    def metadata(self) -> Path:
        """Return the CSV file with the columns path and gender."""
        return self.folder / "metadata.csv"


def draw_catalogue(folder: Path, *, items: int = 312, seed: int = 7, progress: Progress = silent) -> DrawnCatalogue:
    """Draw `items` garments as <group>/<type>/<type>_0001.jpg with metadata.csv, unless they are there."""
    if items < len(GARMENT_KINDS):
        raise ValueError(
            f"a catalogue of {items} items was asked for: each of the {len(GARMENT_KINDS)} categories needs one"
        )
    recipe = {"edition": _EDITION, "items": items, "seed": seed}
    marker = folder / COMPLETE
    if marker.exists() and json.loads(marker.read_text(encoding="utf-8")) == recipe:
        return DrawnCatalogue(folder, items, seed, drawn=False)
    marker.unlink(missing_ok=True)  # a folder that is half redrawn is not complete
    _clear(folder)
    rows = []
    for number, garment in enumerate(garments(items, seed)):
        kind = garment.kind
        path = Path(kind.group, kind.type, f"{kind.type}_{number // len(GARMENT_KINDS) + 1:04d}.jpg")
        _save(garment.picture, folder / path)
        rows.append((path.as_posix(), garment.gender))
        if len(rows) % TOLD_EVERY == 0:
            progress(f"drew {len(rows)} of {items} pictures")
    _write_metadata(folder / "metadata.csv", sorted(rows))
    marker.write_text(json.dumps(recipe), encoding="utf-8")
    return DrawnCatalogue(folder, items, seed, drawn=True)


def draw_pictures(folder: Path, *, count: int = 24, seed: int = 1007) -> tuple[Path, ...]:
    """Draw `count` query pictures, 01_shirt_red.jpg and so on, of garments that no catalogue of another seed holds."""
    if count < 1:
        raise ValueError(f"{count} pictures were asked for: ask for one or more")
    paths = []
    for number, garment in enumerate(garments(count, seed), start=1):
        colour = garment.colour.replace(" ", "-")
        paths.append(folder / f"{number:02d}_{garment.kind.type}_{colour}.jpg")
        _save(garment.picture, paths[-1])
    return tuple(paths)


def garments(count: int, seed: int) -> Iterator[DrawnGarment]:
    """Draw garments, the categories in turn; the n-th depends on the seed and on n alone."""

    def drawn(number: int) -> DrawnGarment:
        return draw_garment(GARMENT_KINDS[number % len(GARMENT_KINDS)], Random(f"{seed}/{number}"))  # noqa: S311 - drawing, no secret

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow lets go of the GIL while it draws
        yield from pool.map(drawn, range(count))


def draw_garment(kind: GarmentKind, rng: Random) -> DrawnGarment:
    """Draw one garment of a kind: cloth, cut and photograph all taken from `rng`."""
    colour, gender, pattern = rng.choice(list(COLOURS)), rng.choice(kind.genders), rng.choice(kind.patterns)
    sketch = Sketch(jittered(COLOURS[colour], rng), pattern, gender, rng)
    kind.draw(sketch)
    return DrawnGarment(kind, colour, gender, pattern, _photographed(sketch.picture, rng))


def _photographed(garment: Image.Image, rng: Random) -> Image.Image:
    """Lay the garment a little askew on a background and let it throw a shadow."""
    if rng.random() < 0.5:
        garment = garment.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    size = rng.uniform(0.84, 1.02)
    garment = garment.rotate(rng.uniform(-7, 7), Image.Resampling.BICUBIC)
    width, height = round(PICTURE_SIZE[0] * size), round(PICTURE_SIZE[1] * size)
    garment = garment.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=1.5)
    left = (PICTURE_SIZE[0] - width) // 2 + rng.randint(-7, 7)
    top = (PICTURE_SIZE[1] - height) // 2 + rng.randint(-7, 7)
    picture = _background(rng)
    shadow = garment.getchannel("A").point([level * 70 // 255 for level in range(256)])
    veil = Image.new("L", PICTURE_SIZE, 0)
    veil.paste(shadow, (left + 4, top + 5))
    picture.paste((40, 40, 44), (0, 0), veil.filter(ImageFilter.GaussianBlur(4)))
    picture.paste(garment, (left, top), garment)
    return picture


def _background(rng: Random) -> Image.Image:
    """Return a background: white in most cases, as in product pictures; else a pale wall, with or without a floor."""
    luck = rng.random()
    if luck < 0.6:
        return Image.new("RGB", PICTURE_SIZE, (255, 255, 255))
    wall: RGB = mixed(
        rng.choice(((226, 228, 230), (238, 232, 220), (220, 230, 236))), (255, 255, 255), rng.random() * 0.6
    )
    picture = Image.new("RGB", PICTURE_SIZE, wall)
    if luck < 0.8:
        shade = Image.linear_gradient("L").resize(PICTURE_SIZE).point([level // 8 for level in range(256)])
        picture.paste((60, 60, 70), (0, 0), shade)
    elif luck < 0.9:
        floor = round(PICTURE_SIZE[1] * rng.uniform(0.72, 0.86))
        ImageDraw.Draw(picture).rectangle((0, floor, *PICTURE_SIZE), fill=mixed(wall, (150, 130, 110), 0.35))
    return picture


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=_QUALITY)


def _write_metadata(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "gender"))
        writer.writerows(rows)


def _clear(folder: Path) -> None:
    """Remove the pictures of an earlier catalogue, which its own metadata names; leave anything else."""
    metadata = folder / "metadata.csv"
    if not metadata.exists():
        return
    with metadata.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            (folder / row["path"]).unlink(missing_ok=True)
