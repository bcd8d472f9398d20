"""The commands that send one picture, get its answer and say what became of it: in seconds, without a flow run."""

from typing import Annotated

import typer

from stygig.arguments import EndpointName, Json, TopK, checked_uri
from stygig.ending import ending

Display = Annotated[bool, typer.Option("--display-results", help="Wait, and show the answer as a list.")]
WaitSeconds = Annotated[
    int, typer.Option(min=0, max=90_000, help="Give up after so long (exit 4); 0 waits as long as an answer may come.")
]


def invoke(
    image: Annotated[str, typer.Option(help="A picture file; the demo's if neither is given.")] = "",
    s3_image: Annotated[str, typer.Option(help="s3://BUCKET/KEY of a picture.")] = "",
    endpoint_name: EndpointName = "",
    top_k: TopK = 5,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the answer.")] = False,
    display_results: Display = False,
    wait_seconds: WaitSeconds = 0,
    json: Json = False,
) -> None:
    """Ask an asynchronous endpoint about one picture; without --wait only the answer's location is printed.

    Without --endpoint-name the one in async_endpoint_info.json is asked.
    """
    if image and s3_image:
        raise typer.BadParameter("give either --image or --s3-image")
    checked_uri(s3_image, "--s3-image")
    with ending(json) as out:
        from stygig.by_hand import invoke_directly

        waits = wait or display_results
        found = invoke_directly(endpoint_name, image, s3_image, top_k, waits, wait_seconds)
        out.invocation(found, display_results)


def wait(
    inference_id: Annotated[str, typer.Argument(help="As `stygig invoke` printed it, or a report lists it.")],
    display_results: Display = False,
    wait_seconds: WaitSeconds = 0,
    json: Json = False,
) -> None:
    """Go on waiting for an answer, or get it once more; exit 4 if it has not come in time, and may still come."""
    with ending(json) as out:
        from stygig.by_hand import wait_directly

        out.invocation(wait_directly(inference_id, wait_seconds), display_results)


def diagnose(
    asked: Annotated[str, typer.Argument(metavar="INFERENCE_ID|ENDPOINT", help="A request, or an endpoint's name.")],
    json: Json = False,
) -> None:
    """Say what became of a request, or how an endpoint is, and what to do about it; exit 1 if somebody must act."""
    with ending(json) as out:
        from stygig.by_hand import diagnose_directly

        out.diagnosis(diagnose_directly(asked))
