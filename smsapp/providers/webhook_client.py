"""Posting to callers' addresses: once, within ten seconds, and to nowhere inside our network.

Whoever names an address could name one that only we can reach, or a name that leads there on the
second look. So what counts is the address that is connected to, looked at when the socket is made;
redirects are not followed, and no proxy stands between. Of the answer its status counts; a little
of the rest is read, so that the connection can be used again, and kept nowhere.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pycurl
from gevent import monkey

from smsapp.providers.curl_pool import Pool
from smsapp.providers.http_client import header_lines, set_post, set_up
from smsapp.providers.public_addresses import is_public_text

TIMEOUT_SECONDS = 10.0
# Bytes of an answer, after which nobody reads on.
MAX_ANSWER = 16 * 1024

# The system's: libcurl waits for it by itself, also where gevent has put another in its place.
_socket = monkey.get_original("socket", "socket")
_pool = Pool()

_TLS = {pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CONNECT_ERROR}
_WORDS = {pycurl.E_OPERATION_TIMEDOUT: "timeout", **dict.fromkeys(_TLS, "tls")}


@dataclass(slots=True)
class _Answer:
    """What of an answer has come so far, and whether a connection was refused by ourselves."""

    allow_private: bool
    length: int = 0
    is_private: bool = False
    sockets: list[Any] = field(default_factory=list)

    def read(self, part: bytes) -> int:
        """Count a part; say that not all was taken, which ends the transfer, once it is enough."""
        self.length += len(part)
        return len(part) if self.length <= MAX_ANSWER else 0

    def open(self, _purpose: int, address: Any) -> Any:
        """Make the socket for an address that a name led to, if that may be connected to."""
        family, kind, protocol, where = address
        if not self.allow_private and not is_public_text(str(where[0])):
            self.is_private = True
            return pycurl.SOCKET_BAD
        made = _socket(family, kind, protocol)
        self.sockets.append(made)
        return made


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> str | None:
    """Post `body` once; return None where the answer is a 2xx, else a word for why not.

    The words are "http_500" and its like, "timeout", "unreachable", "tls" and "private_address".
    """
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    handle, answer = _pool.take(host), _Answer(allow_private)
    curl = handle.curl
    try:
        _set_up(curl, url, io.BytesIO(body), headers, answer)
        try:
            handle.perform()
        except pycurl.error as error:
            status = curl.getinfo(pycurl.RESPONSE_CODE)
            if not 200 <= status < 300:  # of what took it, nobody has to hear the rest
                return _trouble(error.args[0], status, answer)
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        return None if 200 <= status < 300 else f"http_{status}"
    finally:
        for made in answer.sockets:  # libcurl has a descriptor of its own of each
            made.close()
        _pool.put_back(handle, host)


def _set_up(
    curl: pycurl.Curl, url: str, sent: io.BytesIO, headers: Mapping[str, str], answer: _Answer
) -> None:
    set_up(curl, TIMEOUT_SECONDS)
    set_post(curl, sent)
    plain = pycurl.PROTO_HTTP if answer.allow_private else 0
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | plain)
    curl.setopt(pycurl.PROXY, "")  # not even the proxy of the environment
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.HTTPHEADER, header_lines(headers))
    curl.setopt(pycurl.WRITEFUNCTION, answer.read)
    curl.setopt(pycurl.OPENSOCKETFUNCTION, answer.open)


def _trouble(error: int, status: int, answer: _Answer) -> str:
    if answer.is_private and not status:
        return "private_address"
    if error == pycurl.E_WRITE_ERROR and status:
        return f"http_{status}"
    return _WORDS.get(error, "unreachable")
