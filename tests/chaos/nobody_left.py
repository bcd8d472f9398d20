"""Kills nightly runs with all that could clean up after them, and nobody ever sweeps: `make chaos`, its second part.

Command, flow and Prefect server die together at a random moment, for good. When the runs have expired, the schedules
that AWS keeps must have deleted every endpoint of theirs, and none of anybody else's.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

from localaws import LocalAws
from stygig.embedded import our_environment
from tasks.demo.garments import draw_catalogue
from tasks.limits import DELETING
from tests.chaos.bystanders import NAME, Bystanders
from tests.chaos.stack import say

PHASES = (
    "asked for real-time endpoint",
    "asked for async endpoint",
    "is InService",
    "queued 25 requests",
    "removed alarm",
)
EXPIRY_HOURS = 1
TEN_MINUTES = 600


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    say(f"seed {asked.seed}, {asked.kills} kills, with nobody left to clean up")
    with tempfile.TemporaryDirectory(prefix="stygig-chaos-") as scratch, LocalAws() as aws:
        folder = Path(scratch)
        foreign = {name for name in os.environ if name.startswith(("AWS_", "STYGIG_", "PREFECT_"))}
        for name in foreign:
            del os.environ[name]
        os.environ.update(our_environment(aws.environment()))
        os.environ.update(STYGIG_EXPIRES_AFTER_HOURS=str(EXPIRY_HOURS), STYGIG_REPORTS=str(folder / "reports"))
        draw_catalogue(folder / "catalogue", items=52)
        return judge(aws, folder, asked.kills, chance)


def judge(aws: LocalAws, folder: Path, kills: int, chance: random.Random) -> int:
    bystanders = Bystanders.made()
    for number in range(1, kills + 1):
        phase, started = chance.choice(PHASES), time.monotonic()
        kill(folder, phase, chance)
        say(f"{number:2} killed at {phase!r:32} {len(ours())} endpoints bill ({time.monotonic() - started:.0f} s)")
    before = ours()
    say(f"{len(before)} endpoints of {kills} dead runs, no process of which lives")
    aws.advance(EXPIRY_HOURS * 3600 + TEN_MINUTES)
    after = ours()
    say(f"ten minutes after their expiry: {after or 'no endpoint of ours'}")
    say(f"bystanders: {bystanders.changed() or 'untouched'}")
    swept = subprocess.run(
        [sys.executable, "-m", "stygig", "sweep"], cwd=folder, capture_output=True, text=True, check=False
    )
    listed = [sys.executable, "-m", "stygig", "inventory"]
    said = subprocess.run(listed, cwd=folder, capture_output=True, text=True, check=False).stdout
    say(f"after one sweep (exit {swept.returncode}): {said.strip()}")
    done = before and not after and not bystanders.changed() and "\n0 of ours" in f"\n{said}"
    say(f"{kills} of {kills} without a person's help" if done else "NOT DONE")
    return 0 if done else 1


def kill(folder: Path, phase: str, chance: random.Random) -> None:
    """Start a night with a Prefect server of its own, and kill its whole session at the phase."""
    run = subprocess.Popen(
        [sys.executable, "-m", "stygig", "nightly", "--catalogue", str(folder / "catalogue")],
        env=os.environ | {"PREFECT_LOGGING_COLORS": "false"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert run.stdout
    for line in run.stdout:
        if phase in line:
            break
    time.sleep(chance.random())
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()


def ours() -> list[str]:
    """The endpoints that bill, but for the bystander's."""
    pages = boto3.client("sagemaker").get_paginator("list_endpoints").paginate()
    found = [each for page in pages for each in page["Endpoints"] if each["EndpointName"] != NAME]
    return [each["EndpointName"] for each in found if each["EndpointStatus"] != DELETING]


if __name__ == "__main__":
    sys.exit(main())
