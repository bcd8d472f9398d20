"""A summary of a deployed endpoint: as a dictionary for files, as markdown for the Prefect UI."""

from typing import Any

from tasks.hosting.endpoint import Endpoint
from tasks.prefect_task import task

SUMMARY_KEY = "deployed-endpoint"  # Prefect allows lowercase letters, digits and dashes


def endpoint_info(endpoint: Endpoint) -> dict[str, Any]:
    """Name, kind, model, S3 paths and topics; those that a real-time endpoint lacks are empty."""
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
    """The same as a markdown table, without what is empty."""
    rows = [f"| {name.replace('_', ' ')} | `{value}` |" for name, value in endpoint_info(endpoint).items() if value]
    return "\n".join([f"# Endpoint {endpoint.name} is in service", "", "| | |", "|---|---|", *rows])


@task(name="publish-summary")
def publish_summary_task(endpoint: Endpoint) -> None:
    """Publish the summary as an artifact of the flow run, which the Prefect UI shows."""
    from prefect.artifacts import create_markdown_artifact  # not at the top: importing Prefect takes seconds

    create_markdown_artifact(summary(endpoint), key=SUMMARY_KEY, description=f"Endpoint {endpoint.name}")
