"""The tags of models, endpoint configurations and endpoints."""

from __future__ import annotations

from typing import Any

from localaws.errors import ValidationException
from localaws.sagemaker.state import State

Request = dict[str, Any]
MAX_TAGS = 50


class Tags:
    """Answers the operations on tags; called under the hosting's lock like all of the control plane."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, region: str, request: Request) -> Request:
        """Answer AddTags: new tags beside the old, or in place of those with the same key."""
        tags = self._of(request["ResourceArn"])
        added = _by_key(request["Tags"])
        if len(tags | added) > MAX_TAGS:
            raise ValidationException(f"A resource has at most {MAX_TAGS} tags; these would be {len(tags | added)}.")
        tags.update(added)
        return {"Tags": _listed(tags)}

    def list(self, region: str, request: Request) -> Request:
        """Answer ListTags, in one page."""
        return {"Tags": _listed(self._of(request["ResourceArn"]))}

    def delete(self, region: str, request: Request) -> Request:
        """Answer DeleteTags; keys that aren't there are no error."""
        tags = self._of(request["ResourceArn"])
        for name in request["TagKeys"]:
            tags.pop(name, None)
        return {}

    def tag_new(self, resource: str, request: Request) -> None:
        """Keep the tags that a new resource was created with."""
        if request.get("Tags"):
            self._state.tags[resource] = _by_key(request["Tags"])

    def _of(self, resource: str) -> dict[str, str]:
        # A client may spell the name in the ARN as it was created; the ARN itself has it in lower case.
        resource = resource if resource in self._state.arns() else resource.lower()
        if resource not in self._state.arns():
            raise ValidationException(f'Could not find resource "{resource}".')
        return self._state.tags.setdefault(resource, {})


def _by_key(tags: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _listed(tags: dict[str, str]) -> Any:
    return [{"Key": name, "Value": value} for name, value in tags.items()]
