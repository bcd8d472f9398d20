"""A web hook that records the requests it gets and answers with the statuses it was given."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.deployments.localaws.cloud import Cloud, eventually


@dataclass(frozen=True)
class Received:
    """One request that the web hook got."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def kind(self) -> str:
        return self.headers["x-amz-sns-message-type"]

    @property
    def message(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


@dataclass
class WebHook:
    """The requests received and the next answers' statuses, by default 200; none is sent while `answers` is clear."""

    url: str
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)

    def notifications(self, count: int) -> list[Received]:
        """The notifications, once at least so many have come."""

        def look() -> list[Received] | None:
            found = [each for each in self.received if each.kind == "Notification"]
            return found if len(found) >= count else None

        return eventually(look)

    def of_kind(self, kind: str) -> Received:
        """The last message of a kind, once one has come."""
        return eventually(lambda: next((each for each in self.received[::-1] if each.kind == kind), None))

    def confirm(self) -> str:
        """Visit the SubscribeURL of the request for confirmation and return the answer's text."""
        return visit(self.of_kind("SubscriptionConfirmation").message["SubscribeURL"])


def visit(url: str) -> str:
    """The text at the address."""
    with urllib.request.urlopen(url) as answer:
        text: str = answer.read().decode()
    return text


@dataclass
class Topic:
    """A topic, and a web hook to subscribe to it."""

    cloud: Cloud
    hook: WebHook
    sns: Any
    arn: str

    def subscribe(self, endpoint: str = "", **attributes: str) -> str:
        endpoint = endpoint or self.hook.url
        protocol = endpoint.partition(":")[0]
        answer = self.sns.subscribe(
            TopicArn=self.arn,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def subscribe_and_confirm(self, **attributes: str) -> str:
        arn = self.subscribe(**attributes)
        self.hook.confirm()
        return arn

    def publish(self, message: str = "hello", **more: Any) -> str:
        return str(self.sns.publish(TopicArn=self.arn, Message=message, **more)["MessageId"])

    def events(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        return [entry.fields for entry in self.cloud.aws.journal.entries(event, **fields)]


@contextmanager
def webhook(context: ssl.SSLContext | None = None) -> Iterator[WebHook]:
    """A web hook on loopback, over TLS when there is a context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            hook.received.append(Received(self.path, headers, body))
            hook.answers.wait()
            self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    hook = WebHook(f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}/hook?mine=1")
    hook.answers.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hook
    finally:
        hook.answers.set()
        server.shutdown()
        thread.join()
        server.server_close()
