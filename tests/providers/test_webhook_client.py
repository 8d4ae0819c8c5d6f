"""Posting to callers' addresses: to nobody inside, and for no longer than ten seconds."""

import threading

import pytest

from smsapp.providers import webhook_client
from tests.providers.raw_server import hang_up, http, raw, silence, trickle


def post(server, *, allow_private=True):
    return webhook_client.post(
        f"{server.url}/hook", b'{"a":1}', {"webhook-id": "msg_1"}, allow_private=allow_private
    )


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(webhook_client, "TIMEOUT_SECONDS", 0.3)


def test_it_is_posted_once_over_a_connection_that_is_kept(serve):
    server = serve(http(200, b"thanks"), http(204))
    assert [post(server), post(server)] == [None, None]
    assert (len(server.requests), server.connections) == (2, 1)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"webhook-id: msg_1" in head
    assert body == b'{"a":1}'


@pytest.mark.parametrize("status", [302, 400, 404, 410, 429, 500])
def test_what_is_no_2xx_is_told_and_a_redirect_is_not_followed(serve, status):
    server = serve(http(status, b"", "Location: /elsewhere"))
    assert post(server) == f"http_{status}"
    assert len(server.requests) == 1


def test_a_private_address_is_not_connected_to_whatever_its_name(serve, monkeypatch):
    server = serve(http(200))
    monkeypatch.setattr(webhook_client.pycurl, "PROTO_HTTPS", webhook_client.pycurl.PROTO_HTTP)
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        assert webhook_client.post(url, b"{}", {}, allow_private=False) == "private_address"
    assert server.connections == 0


def test_plain_http_goes_nowhere_unless_it_may(serve):
    server = serve(http(200))
    assert post(server, allow_private=False) == "unreachable"
    assert server.connections == 0


def test_silence_and_hanging_up_are_told_and_not_posted_again(serve, quick):
    assert post(serve(silence)) == "timeout"
    server = serve(hang_up)
    assert post(server) == "unreachable"
    assert len(server.requests) == 1


def test_the_status_is_the_answer_though_the_rest_never_ends(serve, quick):
    assert post(serve(trickle)) is None


def test_a_gigabyte_is_not_read(serve):
    sent = threading.Event()
    size = 1_000_000_000

    def endless(connection):
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        try:
            for _ in range(size // 100_000):
                connection.sendall(b"x" * 100_000)
        except OSError:
            sent.set()

    assert post(serve(endless)) is None
    assert sent.wait(10)  # we hung up long before the end


def test_a_huge_answer_of_trouble_is_trouble(serve):
    huge = b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    assert post(serve(raw(huge))) == "http_500"
