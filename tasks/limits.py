"""AWS's statuses, names and limits, in one place; checked against botocore's model by a test where it can be."""

NAME_PATTERN = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
LONGEST_NAME = 63
"""Endpoints, endpoint configs and models. Source: botocore, shape EndpointName."""

CREATING, UPDATING, SYSTEM_UPDATING = "Creating", "Updating", "SystemUpdating"
ROLLING_BACK, IN_SERVICE, DELETING, FAILED = "RollingBack", "InService", "Deleting", "Failed"
SERVING = frozenset({IN_SERVICE, UPDATING, SYSTEM_UPDATING, ROLLING_BACK})
"""While an endpoint is in one of these it takes requests: it is Updating, too, while it scales to zero and back."""
IN_PROGRESS = frozenset({CREATING, UPDATING, SYSTEM_UPDATING, ROLLING_BACK})
"""While an endpoint is in one of these, AWS refuses to delete or update it."""

REQUEST_TTL_SECONDS = (60, 21_600)
INVOCATION_TIMEOUT_SECONDS = (1, 3_600)
MAX_CONCURRENT_INVOCATIONS = (1, 1_000)
STARTUP_HEALTH_CHECK_SECONDS = (60, 3_600)
MODEL_DOWNLOAD_SECONDS = (60, 3_600)
REALTIME_PAYLOAD_BYTES = 6_291_456
"""InvokeEndpoint's limit (botocore, shape BodyBlob); an asynchronous input may have 1 GB."""

BACKLOG_WITHOUT_CAPACITY = "HasBacklogWithoutCapacity"
BACKLOG_PER_INSTANCE = "ApproximateBacklogSizePerInstance"
METRIC_NAMESPACE = "AWS/SageMaker"
SCALABLE_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
SERVICE_NAMESPACE = "sagemaker"
VARIANT = "AllTraffic"

MINIMUM_PICTURES = 20
"""A validation over fewer pictures proves too little to be called one."""
