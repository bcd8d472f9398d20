"""What there is to know of a deployed endpoint: for a file, a person and Prefect's page alike."""

from typing import Any

from tasks.hosting.endpoint import Endpoint
from tasks.prefect_task import task

SUMMARY_KEY = "deployed-endpoint"


def endpoint_info(endpoint: Endpoint) -> dict[str, Any]:
    """Name, kind, model, places and topics; what a real-time endpoint has not is empty."""
    told = endpoint.topics
    return {
        "endpoint_name": endpoint.name,
        "endpoint_type": endpoint.kind,
        "model_uri": endpoint.model_uri,
        "instance_type": endpoint.instance_type,
        "deployed_at": endpoint.asked_at.isoformat(timespec="seconds"),
        "cold_start_seconds": round(endpoint.cold_start_seconds or 0.0, 1),
        "expires_at": endpoint.expires_at.isoformat(timespec="seconds") if endpoint.expires_at else "",
        "s3_output_path": endpoint.output_path,
        "s3_failure_path": endpoint.failure_path,
        "success_topic_arn": told.success_arn if told else "",
        "error_topic_arn": told.error_arn if told else "",
    }


def summary(endpoint: Endpoint) -> str:
    """The same as a table in markdown."""
    rows = [f"| {name.replace('_', ' ')} | `{value}` |" for name, value in endpoint_info(endpoint).items() if value]
    return "\n".join([f"# Endpoint {endpoint.name} is in service", "", "| | |", "|---|---|", *rows])


@task(name="publish-summary")
def publish_summary_task(endpoint: Endpoint) -> None:
    """Leaves the summary with the flow run, where the Prefect UI shows it."""
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(summary(endpoint), key=SUMMARY_KEY, description=f"Endpoint {endpoint.name}")
