"""The plan of a run as text, JSON and markdown, and the sums in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tasks.errors import InputError, NotFoundError, ServiceUnreachableError
from tasks.planning.planned import (
    Check,
    Checks,
    PlannedResource,
    PlanOfRun,
    plan_in_markdown,
    plan_in_text,
)

START = datetime(2026, 11, 28, 3, tzinfo=UTC)
END = START + timedelta(hours=6)
TAGS = {"stygig:run-id": "run-1", "stygig:owner": "tester"}
TOPIC = "arn:aws:sns:us-east-1:123456789012:stygig-run-1-error"
RESOURCES = (
    PlannedResource("bucket", "mine", "leave", True),
    PlannedResource("topic", TOPIC, expires_at=END, tags=TAGS),
    PlannedResource("subscription", f"{TOPIC}|queue", expires_at=END),
    PlannedResource("endpoint", "baseline", usd_per_hour=0.115, expires_at=END, tags=TAGS),
    PlannedResource("endpoint", "queued", usd_per_hour=0.115, scales_to=2, expires_at=END, tags=TAGS),
)
PLAN = PlanOfRun("run-1", "us-east-1", START, END, (Check("bucket mine: in use"),), RESOURCES, TAGS)
UNPRICED = replace(PLAN, resources=(*RESOURCES[:-1], PlannedResource("endpoint", "queued", usd_per_hour=None)))
FOUND = replace(PLAN, checks=(*PLAN.checks, Check("no role | is set", ok=False)))


def test_the_plan_is_an_aligned_table_between_the_checks_and_the_sums() -> None:
    expires = "2026-11-28 09:00 UTC"
    assert plan_in_text(PLAN).splitlines() == [
        "ok       bucket mine: in use",
        "",
        "would   kind          name                         exists  per hour  expires               tagged",
        "leave   bucket        mine                         yes               stays                 no",
        f"create  topic         stygig-run-1-error           no                {expires}  yes",
        f"create  subscription  stygig-run-1-error -> queue  no                {expires}  no",
        f"create  endpoint      baseline                     no      $0.1150   {expires}  yes",
        f"create  endpoint      queued                       no      $0.1150   {expires}  yes",
        "",
        "$0.2300 per hour as it is made; requests, storage and transfer come on top",
        "$2.07 at most, if it lasted the 6 hours until its expiry, were the asynchronous endpoint on 2 instances "
        "all the time",
        "tags: stygig:run-id=run-1  stygig:owner=tester",
        "names and tags hold the run's id: another run has its own",
        "nothing was made; nothing stands in the run's way",
    ]


def test_the_longest_run_is_paid_until_its_expiry_and_scaled_out() -> None:
    assert PLAN.usd_per_hour == pytest.approx(0.23)
    assert PLAN.usd_at_most == pytest.approx(6 * 3 * 0.115)


def test_a_price_that_is_not_known_is_said_and_not_taken_for_nothing() -> None:
    text = plan_in_text(UNPRICED)
    assert "price unknown" in text
    assert "$0.1150 and 1 of unknown price per hour as it is made" in text
    assert "$0.69 and 1 of unknown price at most" in text
    assert UNPRICED.to_dict()["resources"][-1]["usd_per_hour"] is None


def test_what_can_not_be_known_is_not_claimed() -> None:
    resource = PlannedResource("model", "decided by packaging", exists=None)
    assert resource.cells[3] == "not known"
    assert resource.to_dict()["exists"] is None


def test_a_plan_without_findings_is_itself() -> None:
    assert PLAN.without_findings() is PLAN


def test_findings_are_an_error_that_carries_the_plan() -> None:
    with pytest.raises(InputError, match=r"^1 finding would stop the run: no role") as raised:
        FOUND.without_findings()
    assert (raised.value.result, raised.value.exit_status) == (FOUND, 2)
    assert "FINDING  no role | is set" in plan_in_text(FOUND)
    assert plan_in_text(FOUND).endswith("nothing was made; 1 finding would stop the run")
    assert FOUND.to_dict()["findings"] == ["no role | is set"]


def test_the_markdown_shows_every_row_and_no_text_breaks_it() -> None:
    lines = plan_in_markdown(FOUND).splitlines()
    assert "- **finding**: no role \\| is set" in lines
    assert sum(line.startswith("|") for line in lines) == 2 + len(RESOURCES)


def test_one_check_that_fails_keeps_none_from_being_made() -> None:
    def absent() -> str:
        raise NotFoundError("it is not there")

    checks = Checks()
    assert checks.of(absent) is None
    assert checks.of(absent) is None
    assert checks.of(lambda: 3, lambda found: f"{found} of them") == 3
    assert checks.told == [Check("it is not there", ok=False), Check("3 of them")], "the same is told once"


def test_an_aws_that_does_not_answer_is_no_finding() -> None:
    def silent() -> str:
        raise ServiceUnreachableError("no answer")

    with pytest.raises(ServiceUnreachableError):
        Checks().of(silent)
