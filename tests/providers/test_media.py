"""Files that people sent: bytes from a storage that never sees our credentials."""

import io

import pytest

from smsapp.providers import media
from smsapp.providers.http_client import CurlClient, rest_client
from smsapp.providers.media import TooLarge
from smsapp.providers.outcomes import CallFailed, Refused, Unknown, Unwritten
from tests.providers.raw_server import ACCOUNT, CERTIFICATE, hang_up, http

MESSAGE, FILE = "MM" + "1" * 32, "ME" + "2" * 32
JPEG = b"\xff\xd8\xff\xe0 not UTF-8 \x80"


@pytest.fixture
def store(serve, monkeypatch):
    """Start a Twilio that gives these answers, at the address of its storage too."""

    def start(*answers):
        server = serve(*answers)
        client = rest_client(ACCOUNT, ACCOUNT, "a-token", server.url, 2.0)
        monkeypatch.setattr(media, "_client", lambda: client)
        return server

    return start


def lies_at(path):
    return http(307, b"Temporary Redirect", f"Location: {path}")


def fetch(sink):
    return media.fetch(MESSAGE, FILE, sink.write)


def test_a_file_is_fetched_as_bytes_and_the_password_stays_with_twilio(store):
    server = store(lies_at("/storage/1"), http(200, JPEG, "Content-Type: image/JPEG; q=1"))
    sink = io.BytesIO()
    assert fetch(sink) == "image/jpeg"
    assert sink.getvalue() == JPEG
    asked, fetched = server.requests
    assert asked.startswith(
        f"GET /2010-04-01/Accounts/{ACCOUNT}/Messages/{MESSAGE}/Media/{FILE} HTTP".encode()
    )
    assert b"Authorization: Basic" in asked
    assert fetched.startswith(b"GET /storage/1 HTTP")
    assert b"uthorization" not in fetched


def test_a_file_that_is_too_large_is_not_fetched_to_its_end(store, monkeypatch):
    monkeypatch.setattr(media, "MAX_BYTES", 10)
    store(lies_at("/storage/1"), http(200, b"x" * 11))
    with pytest.raises(TooLarge):
        fetch(io.BytesIO())


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((http(404, {"code": 20404}),), Refused(404, None, None)),
        ((lies_at("/gone"), http(403, b"<Error/>")), Refused(403, None, None)),
        ((lies_at("/storage"), http(500)), Unknown("server_error", 500, None)),
        ((lies_at("/again"),), Unknown("bad_answer", None, None)),
        ((lies_at("http://169.254.169.254/latest"),), Unwritten("host")),
        ((lies_at("file:///etc/passwd"),), Unwritten("host")),
        ((http(307),), Unknown("bad_answer", 307, None)),
        ((hang_up,), Unknown("reset", None, None)),
    ],
)
def test_a_file_that_cannot_be_had_says_why_and_gives_no_bytes(store, answers, outcome):
    store(*answers)
    sink = io.BytesIO()
    assert fetch(sink) == outcome
    assert sink.getvalue() == b""


def test_without_a_sandbox_files_come_over_https_alone(serve):
    storage = serve(http(200, JPEG), tls=True)
    sink = io.BytesIO()
    client = CurlClient(ca_bundle=str(CERTIFICATE))
    answer = client.get(storage.url, sink.write)
    assert (answer.status, sink.getvalue()) == (200, JPEG)
    for url, auth in ((storage.url.replace("https", "http"), None), (storage.url, ("a", "b"))):
        with pytest.raises(CallFailed) as failed:
            client.get(url, sink.write, auth=auth)
        assert failed.value.outcome == Unwritten("host")


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (http(206, b"x", "Content-Range: bytes 0-0/2779"), 2779),
        (http(200, b"x" * 12), 12),
        (http(206, b"x", "Content-Range: bytes 0-0/*"), None),
    ],
)
def test_the_size_is_asked_for_without_the_file(store, answer, size):
    server = store(lies_at("/storage/1"), answer)
    assert media.size_of(MESSAGE, FILE) == size
    assert b"Range: bytes=0-0" in server.requests[1]


def test_files_are_listed_and_deleted_by_their_message(store):
    listed = {"media_list": [{"sid": FILE, "content_type": "image/jpeg"}], "next_page_uri": None}
    server = store(http(200, listed), http(204))
    assert media.of_message(MESSAGE) == [media.Media(FILE, "image/jpeg")]
    assert media.delete(MESSAGE, FILE) is True
    assert server.requests[1].startswith(b"DELETE /2010-04-01/")
