"""The flow that packages a catalogue and an encoder as a model artifact in S3."""

from functools import partial

from prefect import flow
from prefect.runtime import flow_run

from tasks.encoder.choice import EncoderChoice
from tasks.encoder.options import DEFAULT_ENGINE, DEFAULT_PRECISION, EngineName, Precision
from tasks.exchange.sources import read_requests_task
from tasks.names import dated
from tasks.packaging.artifact import Artifact, package_task
from tasks.packaging.folder_model import check_model_choice, package_folder_task
from tasks.packaging.inputs import PackagingInputs
from tasks.plan import plan_task
from tasks.planning.preflight import preflight_task


@flow(name="package-model", flow_run_name=partial(dated, "package"))
def package_model(
    catalogue: str = "demo",
    encoder: str = "demo",
    metadata: str = "",
    categories: str = "",
    precision: Precision = DEFAULT_PRECISION,
    engine: EngineName = DEFAULT_ENGINE,
    model_dir: str = "",
    requests: str = "",
    environment: dict[str, str] = {},  # noqa: B006 - a form's field
) -> Artifact:
    """Package a catalogue of pictures and an image encoder as a SageMaker model artifact, or a model of your own.

    What is unchanged is found again, and nothing is uploaded.

    Args:
        catalogue: Folder or s3://BUCKET/PREFIX/ laid out as group/type/file or type/file; "demo" is drawn by code.
            A folder in it named women, men or unisex sets the gender of its items.
        encoder: "demo", an open_clip NAME:TAG such as ViT-B-32-quickgelu:openai, NAME:FILE, hf-hub:NAME, or a folder.
        metadata: CSV with the columns path and gender; empty takes metadata.csv of the catalogue, if any.
        categories: YAML file that maps folder names to the 13 categories, in addition to the known names.
        precision: How an open_clip image tower is stored: fp16 or fp32, computed in fp32, or int8; demo has its own.
        engine: What runs it: onnxruntime, or torch (fp16 or fp32, on a GPU where the instance has one).
        model_dir: Folder of a model of your own with code/inference.py, in place of a catalogue.
        requests: Folder or s3://BUCKET/PREFIX/ of request bodies, of which the model must answer the first.
        environment: Variables that the model's container will have, for that answer.
    """
    chosen = EncoderChoice(encoder, precision, engine).checked()
    check_model_choice(model_dir, "", requests)
    plan = plan_task(flow_run.id or "")
    preflight_task(plan)
    if model_dir:
        first, *_ = read_requests_task(requests, "", 1, 1)
        return package_folder_task(plan, model_dir, first, requests, environment)
    return package_task(plan, PackagingInputs(catalogue, chosen, metadata, categories))
