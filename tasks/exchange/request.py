"""One request, as it is sent to both endpoints."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

Expected = Literal["ok", "refused"]


@dataclass(frozen=True)
class Request:
    """A request: a name that is unique in its batch, the body, and what goes with it.

    One that must fail is `refused`; `refusal` is then a word that both endpoints' errors must hold, if there is one.
    `picture` is what a report shows of it, an image file's bytes.
    """

    name: str
    body: bytes = field(repr=False)
    content_type: str = "application/json"
    accept: str = "*/*"
    custom_attributes: str = ""
    expect: Expected = "ok"
    refusal: str = ""
    picture: bytes = field(default=b"", repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def refused(self) -> bool:
        return self.expect == "refused"
