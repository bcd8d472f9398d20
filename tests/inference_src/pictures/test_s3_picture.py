from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from recommender.pictures import s3_picture
from recommender.pictures.s3_picture import Location, allowed_prefixes, fetch
from recommender.schema import RequestError

ALLOWED = allowed_prefixes({"STYGIG_ALLOWED_S3_PREFIXES": "s3://pictures/queries/, s3://whole-bucket"})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A local S3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client for the local S3, which `fetch` uses too."""
    variables = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**variables, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # made with these credentials, it would outlive the test
    s3_picture._client.cache_clear()
    client = s3_picture._client()
    for bucket in ("pictures", "whole-bucket"):
        client.create_bucket(Bucket=bucket)
    yield client
    client.close()
    s3_picture._client.cache_clear()


def refused(uri: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        fetch(uri, ALLOWED)
    return caught.value


@pytest.mark.parametrize(
    "uri", ["s3://pictures/queries/a/shirt 1.png", "s3://whole-bucket/é.jpg", "s3://pictures/queries//x"]
)
def test_fetches_from_allowed_places(client: Any, uri: str) -> None:
    location = Location.of(uri)
    client.put_object(Bucket=location.bucket, Key=location.key, Body=b"picture")
    assert fetch(uri, ALLOWED) == b"picture"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://pictures/secrets/a",
        "s3://pictures/queries",
        "s3://pictures/queries/",
        "s3://pictures/queries-of-others/a",
        "s3://pictures-of-others/queries/a",
        "s3://whole-bucket-2/a",
        "s3://PICTURES/queries/a",
        "s3://pictures/queries/../secrets/a",
        "s3://pictures/queries/./a",
        "s3://whole-bucket/..",
    ],
)
def test_other_places_are_refused_without_asking_s3(uri: str) -> None:
    error = refused(uri)
    assert (error.code, error.status) == ("image_s3_uri_not_allowed", 403)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "pictures/queries/a",
        "http://pictures/queries/a",
        "s3:///a",
        "s3://pictures",
        "s3://pictures/",
        "s3://pictures/queries/\ud800",
        "s3://pictures/queries/" + "é" * 510,
    ],
)
def test_what_is_no_s3_uri_is_refused(uri: str) -> None:
    error = refused(uri)
    assert (error.code, error.status) == ("invalid_image_s3_uri", 400)


@pytest.mark.parametrize("name", ["a b", "a+b", "a%2e%2e", "a?x=1", "a#b", "é" * 400, "..."])
def test_any_other_name_is_fetched_as_it_is(client: Any, name: str) -> None:
    client.put_object(Bucket="pictures", Key=f"queries/{name}", Body=name.encode())
    assert fetch(f"s3://pictures/queries/{name}", ALLOWED) == name.encode()


def test_a_refusal_lists_where_pictures_may_lie() -> None:
    message = refused("s3://elsewhere/a").message
    assert "'s3://pictures/queries/', 's3://whole-bucket/': put the picture there" in message
    many = allowed_prefixes({"STYGIG_ALLOWED_S3_PREFIXES": ",".join(f"s3://bucket-{n}/{'x' * 200}" for n in range(9))})
    with pytest.raises(RequestError, match=r"bucket-2/x+….* and 6 more: put") as caught:
        fetch("s3://elsewhere/a", many)
    assert len(caught.value.message) < 600
    with pytest.raises(RequestError, match="takes no pictures from S3; send the picture as image"):
        fetch("s3://elsewhere/a", ())


def test_nothing_is_allowed_unless_said() -> None:
    assert allowed_prefixes({}) == ()
    assert allowed_prefixes({"STYGIG_ALLOWED_S3_PREFIXES": " , "}) == ()


def test_a_wrong_setting_fails_at_start() -> None:
    with pytest.raises(ValueError, match="STYGIG_ALLOWED_S3_PREFIXES"):
        allowed_prefixes({"STYGIG_ALLOWED_S3_PREFIXES": "pictures/queries/"})


def test_a_missing_key_is_not_found(client: Any) -> None:
    error = refused("s3://pictures/queries/missing")
    assert (error.code, error.status) == ("image_s3_uri_not_found", 404)


def test_a_missing_bucket_is_not_found(client: Any) -> None:
    with pytest.raises(RequestError) as caught:
        fetch("s3://no-such-bucket/a", allowed_prefixes({"STYGIG_ALLOWED_S3_PREFIXES": "s3://no-such-bucket/"}))
    assert (caught.value.code, caught.value.status) == ("image_s3_uri_not_found", 404)


def test_a_large_object_is_refused_unread(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_picture, "MAX_IMAGE_BYTES", 10)
    client.put_object(Bucket="pictures", Key="queries/large", Body=bytes(11))
    error = refused("s3://pictures/queries/large")
    assert (error.code, error.status) == ("image_too_large", 413)


class Refusing(BaseHTTPRequestHandler):
    """An S3 that refuses with the status and code that the key names."""

    def do_GET(self) -> None:
        status, code = self.path.rsplit("/", 1)[1].split("-")
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def once(client: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Point `fetch` at another port of this machine; it tries once, and waits as long as a busy machine needs."""
    for limit in ("READ_TIMEOUT_SECONDS", "FETCH_SECONDS"):
        monkeypatch.setattr(s3_picture, limit, 900)

    def point(port: int) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(s3_picture, "ATTEMPTS", 1)
        s3_picture._client.cache_clear()

    return point


def refused_by(kind: type[BaseHTTPRequestHandler], once: Callable[[int], None], uri: str) -> RequestError:
    """The error that `fetch` raises for such an S3."""
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        once(server.server_port)
        error = refused(uri)
        s3_picture._client().close()
        server.shutdown()
    return error


@pytest.mark.parametrize(
    ("key", "code", "status", "advice"),
    [
        ("403-AccessDenied", "image_s3_uri_denied", 403, "ask whoever runs this endpoint"),
        ("404-NoSuchKey", "image_s3_uri_not_found", 404, "check its spelling"),
        ("503-SlowDown", "image_s3_uri_unavailable", 424, "try again later"),
        ("500-InternalError", "image_s3_uri_unavailable", 424, "try again later"),
        ("400-RequestTimeout", "image_s3_uri_unavailable", 424, "try again later"),
        ("400-ExpiredToken", "image_s3_uri_unavailable", 424, "ask whoever runs this endpoint"),
        ("301-PermanentRedirect", "image_s3_uri_unavailable", 424, "ask whoever runs this endpoint"),
        ("400-KMS.DisabledException", "image_s3_uri_unavailable", 424, "ask whoever runs this endpoint"),
        ("403-InvalidObjectState", "image_s3_uri_unavailable", 424, "restore it first"),
    ],
)
def test_what_s3_says_is_passed_on_with_what_to_do(once: Any, key: str, code: str, status: int, advice: str) -> None:
    error = refused_by(Refusing, once, f"s3://pictures/queries/{key}")
    assert (error.code, error.status) == (code, status)
    assert advice in error.message


def test_without_credentials_there_is_nobody_but_the_endpoints_owner_to_ask(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    s3_picture._client.cache_clear()
    error = refused("s3://pictures/queries/a")
    assert error.code == "image_s3_uri_unavailable"
    assert "(NoCredentialsError); trying again won't help: ask whoever runs this endpoint" in error.message


class Breaking(Refusing):
    """An S3 that ends, or stalls, in the middle of an object."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(bytes(10))
        if self.path.endswith("stalls"):
            self.rfile.read(1)  # blocks until the client hangs up, for it sends nothing more


@pytest.mark.parametrize("key", ["ends", "stalls"])
def test_an_object_that_stops_in_the_middle_is_unavailable(
    once: Any, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(s3_picture, "READ_TIMEOUT_SECONDS", 0.2)
    error = refused_by(Breaking, once, f"s3://pictures/queries/{key}")
    assert (error.code, error.status) == ("image_s3_uri_unavailable", 424)


class Dripping(Refusing):
    """An S3 that always sends a little more."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(600))
                time.sleep(0.01)


def test_a_fetch_has_an_end_although_something_always_arrives(once: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_picture, "FETCH_SECONDS", 0.1)
    error = refused_by(Dripping, once, "s3://pictures/queries/a")
    assert (error.code, error.status) == ("image_s3_uri_unavailable", 424)
    assert re.search(r"bytes in \d+\.\d s", error.message)


def test_an_object_of_unsaid_length_is_not_read_beyond_the_limit(once: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_picture, "MAX_IMAGE_BYTES", 3 * s3_picture.PART_BYTES)
    error = refused_by(Dripping, once, "s3://pictures/queries/a")
    assert (error.code, error.status) == ("image_too_large", 413)


@pytest.mark.parametrize("listening", [False, True])
def test_an_s3_that_does_not_answer_is_unavailable(once: Any, monkeypatch: pytest.MonkeyPatch, listening: bool) -> None:
    monkeypatch.setattr(s3_picture, "READ_TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listening:
            silent.listen()
        once(silent.getsockname()[1])
        error = refused("s3://pictures/queries/a")
    assert (error.code, error.status) == ("image_s3_uri_unavailable", 424)
    assert "try again later" in error.message
    assert "127.0.0.1" not in error.message


def test_the_handler_answers_about_a_picture_in_s3(
    client: Any,
    serve: Any,
    artifact: Any,
    draw: Any,
    encoded: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STYGIG_ALLOWED_S3_PREFIXES", "s3://pictures/queries/")
    client.put_object(Bucket="pictures", Key="queries/skirt.png", Body=encoded(draw("bottomwear_skirt")))
    invoke = serve(artifact)
    reply = invoke(json.dumps({"image_s3_uri": "s3://pictures/queries/skirt.png"}).encode(), "application/json")
    assert (reply.status, reply.json["query"]["category"]) == (200, "bottomwear_skirt")
    missing = invoke(json.dumps({"image_s3_uri": "s3://pictures/queries/none.png"}).encode(), "application/json")
    assert (missing.status, missing.json["error"]["code"]) == (404, "image_s3_uri_not_found")
    logged = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (logged["error"], list(logged["stages_ms"])) == ("image_s3_uri_not_found", ["fetch"])
