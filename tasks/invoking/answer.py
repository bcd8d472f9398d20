"""One endpoint's answer about one picture."""

from __future__ import annotations

from dataclasses import dataclass

from recommender.schema import Response


@dataclass(frozen=True)
class Answer:
    """One endpoint's answer about one picture: a response or an error, never both."""

    picture: str
    response: Response | None
    error: str | None
    latency_ms: float

    def __post_init__(self) -> None:
        if (self.response is None) == (self.error is None):
            raise ValueError(f"answer for {self.picture}: needs a response or an error, exactly one of the two")
