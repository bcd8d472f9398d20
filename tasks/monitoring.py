"""What an endpoint's containers said last: the part of CloudWatch that explains a failure."""

from tasks.clients import client, explained, missing_ok


def log_group(endpoint_name: str) -> str:
    return f"/aws/sagemaker/Endpoints/{endpoint_name}"


def last_log_lines(endpoint_name: str, count: int = 20) -> list[str]:
    """The last lines of the endpoint's container log, oldest first; empty if there is none yet."""
    logs, lines = client("logs"), []
    with explained("logs:GetLogEvents", log_group(endpoint_name)), missing_ok():
        streams = logs.describe_log_streams(
            logGroupName=log_group(endpoint_name), orderBy="LastEventTime", descending=True, limit=3
        )["logStreams"]
        for stream in reversed(streams):
            events = logs.get_log_events(
                logGroupName=log_group(endpoint_name), logStreamName=stream["logStreamName"], limit=count
            )["events"]
            lines += [event["message"].rstrip() for event in events]
    return lines[-count:]
