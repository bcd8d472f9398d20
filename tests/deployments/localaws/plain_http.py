"""Requests that no SDK makes: links and forms, sent as a browser or curl sends them."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message


@dataclass(frozen=True)
class Answer:
    """An answer, which may be an error."""

    status: int
    headers: Message
    body: bytes

    def element(self, name: str) -> str | None:
        """The text of an XML element."""
        found = re.search(f"<{name}>(.*?)</{name}>", self.body.decode(), re.DOTALL)
        return found[1] if found else None

    @property
    def error(self) -> tuple[int, str | None]:
        """The status, and the code in the document."""
        return self.status, self.element("Code")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def send(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """The answer to a request."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with _opener.open(request) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.headers, refused.read())


def post_form(url: str, fields: dict[str, str], content: bytes = b"content", filename: str = "f.png") -> Answer:
    """The answer to a form with one file, which comes last."""
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts.append((f'name="file"; filename="{filename}"', content))
    body = b"".join(
        b"--x\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (head.encode(), text) for head, text in parts
    )
    return send("POST", url, body + b"--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"})
