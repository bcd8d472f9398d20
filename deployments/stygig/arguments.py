"""The commands' arguments, and checks of them that need neither AWS nor heavy imports."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

S3_URI = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"
LATEST = "latest"
NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


def checked_name(name: str) -> str:
    if name and not re.fullmatch(NAME, name):
        raise typer.BadParameter(f"{name!r}: letters, digits and single dashes between them, at most 63")
    return name


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")]
EndpointName = Annotated[str, typer.Option(callback=checked_name, help="At most 63 letters, digits and dashes.")]


def checked_uri(uri: str, option: str) -> str:
    """The URI, which may be empty; BadParameter if it has no bucket."""
    if uri and not re.fullmatch(S3_URI, uri):
        message = f"{uri!r} is no S3 location: expected s3://BUCKET/KEY, the bucket's name of 3 to 63 characters"
        raise typer.BadParameter(message, param_hint=option)
    return uri


def checked_run(run_id: str, option: str) -> str:
    """The run's id, which may be empty; BadParameter unless it is one plain name, since it is part of keys in S3."""
    if run_id and not re.fullmatch(NAME, run_id):
        raise typer.BadParameter(f"{run_id!r} is no run's id; `stygig inventory` shows them", param_hint=option)
    return run_id


def checked_model(uri: str, option: str) -> str:
    """The URI or `latest`; BadParameter if it is neither."""
    return uri if uri == LATEST else checked_uri(uri, option)


def checked_encoder(
    encoder: str, precision: Literal["fp16", "fp32", "int8"], engine: Literal["onnxruntime", "torch"]
) -> str:
    """The encoder; BadParameter if it can't be packaged with this precision and engine."""
    from tasks.encoder.choice import EncoderChoice  # it imports numpy
    from tasks.errors import InputError

    try:
        EncoderChoice(encoder, precision, engine).checked()
    except InputError as exc:
        raise typer.BadParameter(str(exc), param_hint="--encoder") from exc
    return encoder


def checked_source(source: str, option: str) -> str:
    """An existing folder as an absolute path, an S3 URI with a bucket, or `demo`; else BadParameter."""
    if source == "demo":
        return source
    if source.startswith("s3:"):
        return checked_uri(source, option)
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise typer.BadParameter(
            f"{source} is not a folder; give a folder, s3://BUCKET/PREFIX/ or demo", param_hint=option
        )
    return str(folder.resolve())


def checked_folder(folder: str) -> str:
    """The folder as an absolute path, or empty; else BadParameter."""
    if folder and not Path(folder).expanduser().is_dir():
        raise typer.BadParameter(f"{folder} is not a folder")
    return str(Path(folder).expanduser().resolve()) if folder else ""


def checked_requests(source: str) -> str:
    """An existing folder or an S3 URI, or empty; else BadParameter."""
    return checked_source(source, "--requests") if source else source


def absolute(file: str) -> str:
    """The file's absolute path, or empty: the flow may run in another folder."""
    return str(Path(file).expanduser().absolute()) if file else ""


Encoder = Annotated[str, typer.Option(help="demo, an open_clip NAME:TAG, NAME:FILE, hf-hub:NAME, or a folder.")]
Catalogue = Annotated[
    str,
    typer.Option(
        help="Folder or s3://… with group/type/file, type/file or women/type/file and the like; demo is drawn."
    ),
]
Pictures = Annotated[str, typer.Option(help="Folder or s3://… of query pictures; demo is drawn.")]
Metadata = Annotated[str, typer.Option(help="CSV with path and gender; else the catalogue's metadata.csv.")]
Categories = Annotated[str, typer.Option(help="YAML file that maps folder names to the 13 categories.")]
Precision = Annotated[
    Literal["fp16", "fp32", "int8"],
    typer.Option(
        help="How an open_clip image tower is stored: fp16 or fp32, computed in fp32, or int8; demo has its own."
    ),
]
Engine = Annotated[
    Literal["onnxruntime", "torch"],
    typer.Option(help="What runs it; torch takes fp16 or fp32, and a GPU where the instance has one."),
]
Count = Annotated[int, typer.Option(min=0, max=100_000, help="How many, spread evenly; 0 takes all.")]
Fewest = Annotated[int, typer.Option(min=1, max=100_000, help="Refuse to judge with fewer pictures.")]
TopK = Annotated[int, typer.Option(min=1, max=50, help="Recommendations per picture.")]
Tolerance = Annotated[
    float, typer.Option("--tolerance", "--score-tolerance", min=0, help="How far two numbers may be apart.")
]
InstanceType = Annotated[str, typer.Option(help="SageMaker instance type.")]
Concurrency = Annotated[int, typer.Option(min=1, max=1000, help="Requests that one instance works on at a time.")]
ModelDir = Annotated[
    str, typer.Option(callback=checked_folder, help="Folder of a model of your own, with code/inference.py.")
]
ImageUri = Annotated[str, typer.Option(help="Image that serves the model; else STYGIG_IMAGE_URI, or AWS's own.")]
Variables = Annotated[
    list[str], typer.Option("--environment", help="NAME=VALUE, a variable of the container; may be repeated.")
]
Requests = Annotated[
    str, typer.Option(callback=checked_requests, help="Folder or s3://… of request bodies, in place of pictures.")
]
Compare = Annotated[
    Literal["auto", "recommendations", "json", "array", "csv", "text", "bytes"],
    typer.Option(help="What the answers are; auto goes by their content type."),
]
RelativeTolerance = Annotated[float, typer.Option(min=0, max=0.999, help="The same as a share of the larger number.")]
Ignore = Annotated[list[str], typer.Option(help="JSONPath of what is not compared, as $.timings_ms; may be repeated.")]
ListKey = Annotated[str, typer.Option(help="The field by which lists of objects are matched; else by order.")]
Junit = Annotated[str, typer.Option(callback=absolute, help="File for the verdict in JUnit's XML.")]
PlanOnly = Annotated[
    bool, typer.Option("--plan", help="Make nothing; list what would be made, its cost, and what would stop the run.")
]
Repeats = Annotated[int, typer.Option(min=1, max=10, help="How often the baseline is asked.")]


def checked_variables(given: list[str]) -> dict[str, str]:
    """The container's variables by name; BadParameter for what is no NAME=VALUE."""
    for each in given:
        if not re.fullmatch(r"[A-Za-z_]\w*=.*", each, re.DOTALL):
            raise typer.BadParameter(f"{each!r} is no NAME=VALUE", param_hint="--environment")
    return dict(each.split("=", 1) for each in given)
