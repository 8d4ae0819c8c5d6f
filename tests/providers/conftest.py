from collections.abc import Callable, Iterator

import pytest

from smsapp.providers.http_client import rest_client
from smsapp.providers.messages import Twilio
from tests.providers.raw_server import ACCOUNT, Answer, Server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*answers: Answer, tls: bool = False) -> Server:
        servers.append(Server(*answers, tls=tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def twilio() -> Callable[..., Twilio]:
    """Return a client of the account, at a server or at Twilio itself."""

    def connect(server: Server | str | None, timeout_seconds: float = 5.0) -> Twilio:
        url = server.url if isinstance(server, Server) else server
        return Twilio(rest_client(ACCOUNT, ACCOUNT, "a-token", url, timeout_seconds))

    return connect
