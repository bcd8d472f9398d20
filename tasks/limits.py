"""AWS's statuses, names and limits, in one place; checked against botocore's model by a test where it can be."""

NAME_PATTERN = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
LONGEST_NAME = 63
"""Characters of an endpoint's, endpoint config's or model's name. Source: botocore, shape EndpointName."""

CREATING, UPDATING, SYSTEM_UPDATING = "Creating", "Updating", "SystemUpdating"
ROLLING_BACK, IN_SERVICE, DELETING, FAILED = "RollingBack", "InService", "Deleting", "Failed"
SERVING = frozenset({IN_SERVICE, UPDATING, SYSTEM_UPDATING, ROLLING_BACK})
"""Statuses in which an endpoint takes requests: it is Updating, too, while it scales to zero and back."""
IN_PROGRESS = frozenset({CREATING, UPDATING, SYSTEM_UPDATING, ROLLING_BACK})
"""Statuses in which AWS refuses to delete or update an endpoint."""

# From the least to the most that AWS takes.
REQUEST_TTL_SECONDS = (60, 21_600)
INVOCATION_TIMEOUT_SECONDS = (1, 3_600)
MAX_CONCURRENT_INVOCATIONS = (1, 1_000)
STARTUP_HEALTH_CHECK_SECONDS = (60, 3_600)
MODEL_DOWNLOAD_SECONDS = (60, 3_600)
REALTIME_PAYLOAD_BYTES = 6_291_456
"""InvokeEndpoint's limit (botocore, shape BodyBlob); an asynchronous input may have 1 GB."""

BACKLOG_SIZE, BACKLOG_AGE = "ApproximateBacklogSize", "ApproximateAgeOfOldestRequest"
BACKLOG_WITHOUT_CAPACITY = "HasBacklogWithoutCapacity"
BACKLOG_PER_INSTANCE = "ApproximateBacklogSizePerInstance"
METRIC_NAMESPACE = "AWS/SageMaker"
SCALABLE_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
SERVICE_NAMESPACE = "sagemaker"
VARIANT = "AllTraffic"

MINIMUM_PICTURES = 20
"""The fewest pictures of a validation: one over fewer proves too little."""
