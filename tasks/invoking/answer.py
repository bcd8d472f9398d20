"""One endpoint's answer to one request."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.exchange.content import Content, UnreadableAnswerError
from tasks.exchange.kinds import AnswerKind, read_content


@dataclass(frozen=True)
class Answer:
    """One endpoint's answer to the request of that name: its content or an error, never both."""

    request: str
    response: Content | None
    error: str | None
    latency_ms: float

    def __post_init__(self) -> None:
        if (self.response is None) == (self.error is None):
            raise ValueError(f"answer for {self.request}: needs a response or an error, exactly one of the two")


def parsed_answer(request: str, body: bytes, content_type: str, kind: AnswerKind, latency_ms: float) -> Answer:
    """Parse an answer; bytes that are not of its kind become an error that shows their beginning."""
    try:
        return Answer(request, read_content(body, content_type, kind), None, latency_ms)
    except UnreadableAnswerError as exc:
        return Answer(request, None, f"an answer that can't be read: {exc}: {body[:200]!r}", latency_ms)
