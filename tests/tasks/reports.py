"""A small report, made up but complete, for the tests that render one."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from PIL import Image

from tasks.exchange.tolerance import Tolerance
from tasks.invoking.answer import Answer
from tasks.prices import find_prices
from tasks.report.machine import Machine
from tasks.report.report import Report
from tasks.verdict.cold_start import ColdStart
from tasks.verdict.comparison import compare_answers, pair_answers
from tasks.verdict.cost import CostEstimate, Requests
from tasks.verdict.judgement import Check, judge
from tasks.verdict.latency import latency_by_phase
from tasks.verdict.omissions import Omissions
from tests.tasks.answers import ITEMS, answer, no_answer

STARTED = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
PRICES = find_prices("us-east-1", "ml.m5.large")
MACHINE = Machine("Linux-6.1", "EPYC 7", 8, 2**34, "3.11.9", "0.1.0", "api.sagemaker.us-east-1.amazonaws.com")
COLD_START = ColdStart("stygig-async-1", "asynchronous", 263.9, {"platform": 263.4, "import": 0.2, "warm_up": 0.3})
HOSTILE = '<script>alert("1")</script>'
NOTHING_LEFT = Check("nothing is left", True, "nothing", "nothing")


def picture(width: int = 300, height: int = 400, mode: str = "RGB", kind: str = "JPEG") -> bytes:
    drawn = io.BytesIO()
    Image.new(mode, (width, height)).save(drawn, kind)
    return drawn.getvalue()


def report(
    baseline: Sequence[Answer] = (), asynchronous: Sequence[Answer] = (), checks: Sequence[Check] = (), **changed: Any
) -> Report:
    first = baseline or [answer("queries/1.jpg", 60.0), answer("queries/2.jpg", 64.0)]
    second = asynchronous or [answer("queries/1.jpg", 800.0), answer("queries/2.jpg", 900.0)]
    comparisons = compare_answers(first, second, Tolerance())
    fields: dict[str, Any] = {
        "run_id": "nightly-1",
        "title": "Nightly validation",
        "started_at": STARTED,
        "finished_at": STARTED + timedelta(minutes=24, seconds=13),
        "region": "us-east-1",
        "settings": {"STYGIG_BUCKET": "stygig-test", "STYGIG_TOKEN": "********"},
        "artifact_uri": "s3://stygig-test/artifacts/3fa1c09e77b2/model.tar.gz",
        "model_version": "3fa1c09e77b2",
        "encoder": "demo",
        "baseline_endpoint": "stygig-baseline-1",
        "async_endpoint": "stygig-async-1",
        "instance_type": "ml.m5.large",
        "baseline_instance_type": "ml.m5.xlarge",
        "machine": MACHINE,
        "verdict": judge(comparisons, checks or [NOTHING_LEFT]),
        "comparisons": comparisons,
        "answers": pair_answers(first, second),
        "latencies": latency_by_phase(
            real_time_round_trip_ms=[each.latency_ms for each in first],
            submit_ms=[20.0, 21.0],
            queue_and_processing_ms=[700.0, 800.0],
            end_to_end_ms=[each.latency_ms for each in second],
            omissions=Omissions(),
        ),
        "cold_starts": (COLD_START,),
        "cost": CostEstimate(PRICES, 1800, 900, Requests(s3_puts=4), readings=120, unread=""),
        "invocations": [{"inference_id": "9c1e", "state": "completed", "failure_reason": None}],
        "teardown": ("removed endpoint stygig-async-1", "removed endpoint stygig-baseline-1"),
        "left": (),
    }
    return Report(**{**fields, **changed})


def failed() -> Report:
    baseline = [answer("queries/1.jpg"), answer("queries/2.jpg"), answer("queries/3.jpg")]
    swapped = answer("queries/2.jpg", items=(ITEMS[1], ITEMS[0], ITEMS[2]))
    asynchronous = [answer("queries/1.jpg"), swapped, no_answer("queries/3.jpg", HOSTILE)]
    left = Check("nothing is left", False, "nothing", "endpoint stygig-async-1")
    return report(baseline, asynchronous, [left], left=("endpoint stygig-async-1",))


def with_an_empty_pair() -> Report:
    pictures = ("queries/1.jpg", "queries/2.jpg", "queries/3.jpg")
    baseline = [answer(pictures[0]), answer(pictures[1], items=()), answer(pictures[2])]
    return report(baseline, [*baseline[:2], answer(pictures[2], scores=(0.9, 0.8, 0.6))])
