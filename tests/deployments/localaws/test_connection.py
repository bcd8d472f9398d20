"""The HTTP that clients speak to the embedded AWS: connections are kept, whatever was asked on them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from localaws import LocalAws
from tests.deployments.localaws.cloud import BUCKET, Cloud

SIGNED = "AWS4-HMAC-SHA256 Credential=localaws/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture
def connection(cloud: Cloud) -> Iterator[HTTPConnection]:
    cloud.s3.put_object(Bucket=BUCKET, Key="there", Body=b"text")
    connection = HTTPConnection("127.0.0.1", cloud.aws.port)
    connection.connect()
    yield connection
    connection.close()


@pytest.fixture
def raw(aws: LocalAws) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", aws.port)) as raw:
        yield raw


def ask(connection: HTTPConnection, method: str, path: str, **request: object) -> tuple[int, bytes]:
    """Status and body; the connection must still be the one that was opened."""
    before = connection.sock
    connection.request(method, path, headers={"Authorization": SIGNED}, **request)  # type: ignore[arg-type]
    answer = connection.getresponse()
    body = answer.read()
    assert connection.sock is before
    assert before is not None
    return answer.status, body


def answer_of(raw: socket.socket) -> HTTPResponse:
    answer = HTTPResponse(raw)
    answer.begin()
    return answer


def test_one_connection_serves_many_requests(connection: HTTPConnection) -> None:
    assert ask(connection, "PUT", f"/{BUCKET}/new", body=b"12345")[0] == 200
    assert ask(connection, "HEAD", f"/{BUCKET}/new") == (200, b"")
    assert ask(connection, "GET", f"/{BUCKET}/new") == (200, b"12345")
    assert ask(connection, "DELETE", f"/{BUCKET}/new") == (204, b"")
    assert ask(connection, "GET", f"/{BUCKET}/there") == (200, b"text")


def test_a_refused_request_leaves_nothing_of_its_body_for_the_next(connection: HTTPConnection) -> None:
    status, body = ask(connection, "PUT", "/nowhere/key", body=b"GET / HTTP/1.1\r\n\r\n" * 10_000)
    assert (status, b"NoSuchBucket" in body) == (404, True)
    status, body = ask(connection, "POST", "/endpoints/nobody/invocations", body=bytes(1_000_000))
    assert (status, b"ndpoint nobody" in body) == (400, True)
    assert ask(connection, "GET", f"/{BUCKET}/there") == (200, b"text")


def test_a_body_in_chunks_is_put_together(connection: HTTPConnection) -> None:
    assert ask(connection, "PUT", f"/{BUCKET}/chunks", body=iter([b"12", b"345"]), encode_chunked=True)[0] == 200
    assert ask(connection, "GET", f"/{BUCKET}/chunks") == (200, b"12345")


def test_a_client_that_waits_for_it_is_told_to_go_on(connection: HTTPConnection) -> None:
    assert connection.sock is not None
    head = f"PUT /{BUCKET}/waited HTTP/1.1\r\nHost: localhost\r\nAuthorization: {SIGNED}\r\n"
    connection.sock.sendall(f"{head}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n".encode())
    assert connection.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sock.sendall(b"abc")
    assert answer_of(connection.sock).status == 200
    assert ask(connection, "GET", f"/{BUCKET}/waited") == (200, b"abc")


@pytest.mark.parametrize(
    "head", ["GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close", "GET / HTTP/1.0\r\nHost: localhost"]
)
def test_a_client_that_wants_the_connection_closed_gets_that(raw: socket.socket, head: str) -> None:
    raw.sendall(f"{head}\r\nAuthorization: {SIGNED}\r\n\r\n".encode())
    answer = answer_of(raw)
    assert (answer.status, answer.getheader("Connection")) == (200, "close")
    answer.read()
    assert raw.recv(1) == b""


@pytest.mark.parametrize(
    "head", ["PUT /models/x HTTP/1.1\r\nContent-Length: -1", "PUT /models/x HTTP/1.1\r\nTransfer-Encoding: chunked"]
)
def test_a_body_that_cannot_be_delimited_is_refused_and_ends_the_connection(raw: socket.socket, head: str) -> None:
    raw.sendall(f"{head}\r\n\r\nno chunk\r\n".encode())
    answer = answer_of(raw)
    assert answer.status == 400
    answer.read()
    assert raw.recv(1) == b""


def test_an_answer_that_nobody_waits_for_any_more_is_not_worth_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    with LocalAws() as aws, socket.create_connection(("127.0.0.1", aws.port)) as raw:
        signed = f"Host: localhost\r\nAuthorization: {SIGNED.replace('/s3/', '/sqs/')}\r\n"
        for target, body in (
            ("CreateQueue", '{"QueueName": "queue"}'),
            ("ReceiveMessage", f'{{"QueueUrl": "{aws.endpoint_url}/123456789012/queue", "WaitTimeSeconds": 1}}'),
        ):
            head = f"X-Amz-Target: AmazonSQS.{target}\r\nContent-Type: application/x-amz-json-1.0\r\n"
            raw.sendall(f"POST / HTTP/1.1\r\n{signed}{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            if target == "CreateQueue":
                answer = answer_of(raw)
                assert (answer.status, bool(answer.read())) == (200, True)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("SageMaker.ListModels", b"{a}", b"SerializationException"),
        ("SageMaker.ListModels", b"[]", b"SerializationException"),
        ("AmazonSQS.ListQueues", b"\xff\xfe", b"SerializationException"),
        ("", b"<a>", b"MalformedXML"),
    ],
)
def test_a_malformed_body_is_the_clients_error(
    connection: HTTPConnection, target: str, body: bytes, code: bytes
) -> None:
    service = target.partition(".")[0].removeprefix("Amazon").lower()
    headers = {"Authorization": SIGNED.replace("/s3/", f"/{service}/"), "X-Amz-Target": target}
    connection.request("POST", f"/{BUCKET}?delete", body, headers if target else {"Authorization": SIGNED})
    answer = connection.getresponse()
    assert (answer.status, code in answer.read()) == (400, True)


def test_a_client_that_goes_in_the_middle_of_its_body_has_put_nothing(cloud: Cloud) -> None:
    with socket.create_connection(("127.0.0.1", cloud.aws.port)) as raw:
        raw.sendall(f"PUT /{BUCKET}/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345".encode())
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1) == b""
    assert cloud.read(f"s3://{BUCKET}/half") is None


@pytest.mark.parametrize(("version", "status"), [("1.0", 200), ("1.1", 400)])
def test_a_request_without_a_host_is_answered_where_http_allows_it(
    raw: socket.socket, version: str, status: int
) -> None:
    raw.sendall(f"GET / HTTP/{version}\r\nAuthorization: {SIGNED}\r\n\r\n".encode())
    assert answer_of(raw).status == status
