"""The SageMaker handler: model_fn once per worker, then input_fn, predict_fn and output_fn per request.

The toolkit answers HTTP 500 whatever these functions raise. A caller's fault is therefore passed on as a Refusal, and
output_fn gives it its 4xx status and JSON body; any other error is raised and becomes a 5xx. The toolkit passes its
context to a function that takes exactly one parameter more than it must, as each of these does. Without a context a
caller's fault is raised as RequestError.
"""

from __future__ import annotations

import os

from recommender import IMPORT_BEGAN_NS  # first, since the start of a worker is counted from here on

# numpy's own threads would compete with the encoder's and the server's; their number is fixed when numpy is imported
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

# Packages that AWS's image lacks, built for its Python. Last on the path, so that they never hide installed ones.
sys.path.append(str(Path(__file__).with_name("vendor") / f"py{sys.version_info.major}{sys.version_info.minor}"))

from recommender import log
from recommender.encoding.engines import Hardware, allowed_threads
from recommender.errors import RequestError
from recommender.media import JSON_TYPE, check_accept, read_request
from recommender.pictures.s3_picture import Location, allowed_prefixes, fetch
from recommender.recommend import Recommender
from recommender.schema import Request, Response
from recommender.stopwatch import Clock, Stopwatch

Body = str | bytes | bytearray | memoryview | None
ACCEPT_HEADER = "accept"
INFERENCE_ID_HEADER = "x-amzn-sagemaker-inference-id"
LONGEST_ID = 64  # AWS's own limit
IMPORT_US = (time.perf_counter_ns() - IMPORT_BEGAN_NS) // 1000


@dataclass(frozen=True, slots=True)
class Model:
    """The model that model_fn returns and predict_fn gets, with the places in S3 that pictures may come from."""

    recommender: Recommender
    picture_sources: tuple[Location, ...]


@dataclass(slots=True)
class Trace:
    """The contents of one request's log line, filled in as the request is processed."""

    request_id: str
    content_type: str
    body_bytes: int
    started: float = field(default_factory=time.perf_counter)
    stages_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """A valid request on its way to predict_fn."""

    request: Request
    trace: Trace


@dataclass(frozen=True, slots=True)
class Answered:
    """A response on its way to output_fn."""

    response: Response
    trace: Trace


@dataclass(frozen=True, slots=True)
class Refusal:
    """A caller's fault on its way to output_fn."""

    error: RequestError
    trace: Trace


def model_fn(model_dir: str, context: Any = None) -> Model:
    """Load the model of an unpacked artifact, and answer one made-up request with it."""
    return start(Path(model_dir), context)


def start(model_dir: Path, context: Any, clock: Clock = time.perf_counter_ns) -> Model:
    """Load the model, and log how long each stage of the start took, the import of this module included."""
    watch = Stopwatch(clock, before={"import": IMPORT_US})
    _take_bytes()
    log.tell_unknown_level()
    try:
        hardware = Hardware(allowed_threads(os.environ), _gpu(context))
        model = Model(Recommender.load(model_dir, hardware, watch), allowed_prefixes(os.environ))
        model.recommender.warm_up()
        watch.note("warm_up")
    except Exception as error:
        _log_start(log.ERROR, watch, error=type(error).__name__)
        raise
    _log_start(log.INFO, watch, **_described(model.recommender))
    return model


def _log_start(level: str, watch: Stopwatch, **more: object) -> None:
    total_ms = watch.total_ms()
    log.write(level, "cold_start", stages_ms=watch.stages_ms, total_ms=total_ms, **more)


def _described(recommender: Recommender) -> dict[str, object]:
    encoder = recommender.encoder
    return {
        "version": recommender.model_version,
        "items": len(recommender.catalogue.items),
        "engine": encoder.spec.engine,
        "device": encoder.device,
        "threads": encoder.threads,
    }


def _gpu(context: Any) -> int:
    """The index of the GPU that the model server assigns to this worker; by default it starts one worker for each."""
    # TorchServe's gpu_id is None on an instance without GPUs
    return 0 if context is None else int(context.system_properties.get("gpu_id") or 0)


def _take_bytes() -> None:
    """Keep AWS's toolkit from decoding bodies: for invalid UTF-8 it would answer 500 before input_fn sees the body."""
    toolkit = sys.modules.get("sagemaker_inference.content_types")
    getattr(toolkit, "UTF8_TYPES", []).clear()


def input_fn(data: Body, content_type: str | None, context: Any = None) -> Question | Refusal:
    """Read the request in a body, or return the refusal of it."""
    data = b"" if data is None else bytes(data) if isinstance(data, memoryview) else data
    trace = Trace(_request_id(context), str(content_type), len(data))
    try:
        check_accept(_header(context, ACCEPT_HEADER))  # output_fn checks it too; this saves the work for such an answer
        return Question(read_request(data, content_type), trace)
    except RequestError as error:
        return _refusal(error, trace, context)


def predict_fn(data: Question | Refusal, model: Model, context: Any = None) -> Answered | Refusal:
    """Answer a request; pass a refusal on."""
    if isinstance(data, Refusal):
        return data
    watch, stage = Stopwatch(), "fetch"
    try:
        picture = None
        if data.request.image_s3_uri is not None:
            picture = fetch(data.request.image_s3_uri, model.picture_sources)
            data.trace.stages_ms[stage] = watch.lap_ms()
        stage = "decode"  # no later stage refuses a request
        response = model.recommender.answer(data.request, picture)
    except RequestError as error:
        data.trace.stages_ms[stage] = watch.lap_ms()
        return _refusal(error, data.trace, context)
    except Exception as error:
        _log_failure(data.trace, error)
        raise
    data.trace.stages_ms |= asdict(response.timings_ms)
    return Answered(response, data.trace)


def output_fn(prediction: Answered | Refusal, accept: str | None, context: Any = None) -> tuple[str, str]:
    """Return the body and its content type; for a refusal set the HTTP status on the context."""
    if isinstance(prediction, Refusal):
        return _refused(prediction, context)
    try:
        check_accept(accept)
    except RequestError as error:
        return _refused(_refusal(error, prediction.trace, context), context)
    return _answered(prediction)


def _answered(answer: Answered) -> tuple[str, str]:
    try:
        body = json.dumps(answer.response.to_dict(), allow_nan=False)  # Python would write NaN, which isn't JSON
    except Exception as error:
        _log_failure(answer.trace, error)
        raise
    query = answer.response.query
    count = len(answer.response.recommendations)
    _log_request(answer.trace, HTTPStatus.OK, category=query.category, gender=query.gender, recommendations=count)
    return body, JSON_TYPE


def _refused(refusal: Refusal, context: Any) -> tuple[str, str]:
    error = refusal.error
    context.set_response_status(code=error.status, phrase=HTTPStatus(error.status).phrase)
    _log_request(refusal.trace, error.status, error=error.code)
    return json.dumps(error.to_dict()), JSON_TYPE


def _refusal(error: RequestError, trace: Trace, context: Any) -> Refusal:
    if context is None:
        raise error
    return Refusal(error, trace)


def _request_id(context: Any) -> str:
    """The caller's inference id, else the model server's id of the request, else a new one."""
    if context is None:
        return uuid.uuid4().hex
    # index 0: the server isn't set to batch, so each call has one request
    given = _header(context, INFERENCE_ID_HEADER) or context.get_request_id(0) or uuid.uuid4().hex
    return str(given)[:LONGEST_ID]


def _header(context: Any, wanted: str) -> str | None:
    """A header of the request, whatever the case of its name; None without a context."""
    if context is None:
        return None
    headers = context.request_processor[0].get_request_properties()
    return next((value for name, value in headers.items() if name.lower() == wanted), None)


def _log_failure(trace: Trace, error: Exception) -> None:
    _log_request(trace, HTTPStatus.INTERNAL_SERVER_ERROR, error=type(error).__name__)


def _log_request(trace: Trace, status: int, **more: object) -> None:
    total_ms = round((time.perf_counter() - trace.started) * 1000, 3)
    for stage, took_ms in trace.stages_ms.items():
        log.write(log.DEBUG, "stage", request_id=trace.request_id, stage=stage, ms=took_ms)
    seen = {"request_id": trace.request_id, "content_type": trace.content_type[:80], "body_bytes": trace.body_bytes}
    level = log.INFO if status < 400 else log.WARNING if status < 500 else log.ERROR
    log.write(level, "request", status=int(status), **seen, stages_ms=trace.stages_ms, total_ms=total_ms, **more)
