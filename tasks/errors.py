"""The errors of this project, and the exit status that each gives a command.

StygigError                    3  the work could not be carried out
├── InputError                 2  what the caller gave can't be used: a folder, a URI, a name, a number
│   └── NotFoundError          2  what the caller named does not exist
├── PermissionDeniedError      3  AWS refused an action: says which, and for which identity where AWS says it
├── ServiceUnreachableError    3  no answer from AWS, or from whatever AWS_ENDPOINT_URL points at
├── ArtifactError              3  the artifact failed its own verification
├── EndpointFailedError        3  an endpoint ended Failed: FailureReason and the last log lines
├── InvocationFailedError      3  an invocation ended Failed
├── DeadlineExceededError      4  a wait gave up: says elapsed, limit and what was still missing
├── LeftoverError              3  a teardown could not prove that nothing is left
├── ValidationFailedError      1  the verdict is FAIL
└── IncomparableError          3  the baseline disagrees with itself, so that the answers can't be compared
"""

from typing import Any, Protocol


class Result(Protocol):
    """The result of a piece of work, as a command shows it."""

    def to_dict(self) -> dict[str, Any]:
        """The result as a JSON object."""


class StygigError(Exception):
    """The work could not be carried out; the message says what was asked, what was found and what to do.

    `result` is what was reached all the same: the verdict although a teardown failed, or what a sweep removed.
    """

    exit_status = 3

    def __init__(self, message: str, result: Result | None = None) -> None:
        super().__init__(message)
        self.result = result


class InputError(StygigError):
    """The caller's input can't be used."""

    exit_status = 2


class NotFoundError(InputError):
    """The thing that the caller named does not exist."""


class PermissionDeniedError(StygigError):
    """AWS refused an action."""


class ServiceUnreachableError(StygigError):
    """AWS did not answer."""


class ArtifactError(StygigError):
    """The artifact failed its own verification."""


class EndpointFailedError(StygigError):
    """An endpoint ended Failed."""


class InvocationFailedError(StygigError):
    """An invocation ended Failed."""


class DeadlineExceededError(StygigError):
    """A wait gave up; what it waited for may still come."""

    exit_status = 4


class LeftoverError(StygigError):
    """A teardown could not prove that nothing is left."""


class ValidationFailedError(StygigError):
    """The verdict is FAIL."""

    exit_status = 1


class IncomparableError(StygigError):
    """The run was carried out, and proves nothing: the baseline disagrees with itself. Carries the Outcome."""
