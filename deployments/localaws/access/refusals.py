"""The errors with which each service refuses a call; the texts are AWS's where they are known."""

from __future__ import annotations

from localaws.access.judgement import Refusal
from localaws.errors import AwsError

ACCESS_DENIED = "Access Denied"
_INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 - a text
_UNKNOWN_S3_KEY = "The AWS Access Key Id you provided does not exist in our records."
_MISSING_TOKEN = "Request is missing Authentication Token"  # noqa: S105 - a text
# Services with the query protocol, or with its error codes; their refusals have status 403.
_QUERY = ("iam", "sts", "sns", "sqs", "monitoring")


def denied(service: str, operation: str, refused: Refusal) -> AwsError:
    """The service's error for a call without permission."""
    action, resource = refused.asked.action, refused.asked.resource
    if service == "s3":
        anonymous = not refused.principal.names
        text = ACCESS_DENIED if anonymous else refused.sentence(action, f'"{resource}"')
        return AwsError("AccessDenied", text, 403)
    if service == "sns":
        shown = action.replace("sns:", "SNS:")  # as SNS spells it
        return AwsError("AuthorizationError", refused.sentence(shown, resource), 403)
    if service == "sqs":
        return AwsError("AccessDenied", refused.sentence(action.lower(), resource), 403)  # SQS's spelling
    if service in _QUERY:
        return AwsError("AccessDenied", refused.sentence(action, resource), 403)
    status = 403 if operation in ("InvokeEndpoint", "InvokeEndpointAsync") else 400
    return AwsError("AccessDeniedException", refused.sentence(action, resource), status)


def unknown_key(service: str, operation: str) -> AwsError:
    """The service's error for an access key that nobody has, or that comes without its session's token."""
    if service == "s3":
        return AwsError("InvalidAccessKeyId", _UNKNOWN_S3_KEY, 403)
    if service in _QUERY:
        return AwsError("InvalidClientTokenId", _INVALID_TOKEN, 403)
    status = 403 if operation in ("InvokeEndpoint", "InvokeEndpointAsync") else 400
    return AwsError("UnrecognizedClientException", _INVALID_TOKEN, status)


def invalid_s3_token() -> AwsError:
    """S3's error for a token that is not that of the key's session."""
    return AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)


def unsigned(service: str) -> AwsError:
    """The service's error for a request without credentials."""
    code = "MissingAuthenticationToken" if service in _QUERY else "MissingAuthenticationTokenException"
    return AwsError(code, _MISSING_TOKEN, 403)


def deregistration_refused() -> AwsError:
    """DeleteEndpoint's error for a scalable target that the caller may not deregister."""
    return AwsError(
        "ValidationException",
        "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM identity used to "
        "invoke DeleteEndpoint does not have application-autoscaling:DeregisterScalableTarget permission to "
        "deregister the scalable target.",
    )


def unassumable_role(role_arn: str) -> AwsError:
    """CreateModel's error for a role that is missing, or does not trust SageMaker."""
    return AwsError(
        "ValidationException",
        f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role.",
    )


def unreadable_model_data(uri: str, role_arn: str, region: str) -> str:
    """The FailureReason of an endpoint whose role may not read the model data."""
    return (
        f'Could not access model data at {uri}. Please ensure that the role "{role_arn}" exists and that its trust '
        'relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". '
        f'Also ensure that the role has "s3:GetObject" permissions and that the object is located in {region}. If your '
        "Model uses multiple models or uncompressed models, please ensure that the role has "
        '"s3:ListBucket" permission.'
    )
