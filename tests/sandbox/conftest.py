from dataclasses import replace

import pytest
from desk import ACCOUNT, KEY, SECRET, SERVICE, SHOP, TOKEN, Receiver
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from smsapp.sandbox.testing import SandboxConfig, running


@pytest.fixture
def config(tmp_path):
    return SandboxConfig(
        ACCOUNT, TOKEN, SHOP, tmp_path / "sandbox.sqlite3", KEY, SECRET, pace=0.0, seed=1
    )


@pytest.fixture
def slow_config(config):
    """A carrier that leaves a message queued for as long as a test looks at it."""
    return replace(config, pace=100.0)


@pytest.fixture
def sandbox(config):
    with running(config) as sandbox:
        yield sandbox


@pytest.fixture
def slow_sandbox(slow_config):
    with running(slow_config) as sandbox:
        yield sandbox


@pytest.fixture
def connect():
    """Return the SDK as it comes from Twilio, pointed at a sandbox."""
    transports = []

    def connect(sandbox, username=ACCOUNT, password=TOKEN, timeout=5.0):
        transport = TwilioHttpClient(timeout=timeout)
        transports.append(transport)
        client = Client(username, password, account_sid=ACCOUNT, http_client=transport)
        client.api.base_url = client.verify.base_url = sandbox.url
        return client

    yield connect
    for transport in transports:
        transport.session.close()


@pytest.fixture
def client(sandbox, connect):
    return connect(sandbox)


@pytest.fixture
def send(client):
    """Send one text with the SDK."""

    def send(to="+15558675310", body="Your order 1001 has shipped.", **more):
        return client.messages.create(to=to, from_=SHOP, body=body, **more)

    return send


@pytest.fixture
def verify(client):
    """Verify's service with the SDK."""
    return client.verify.v2.services(SERVICE)


@pytest.fixture
def shop(config, receiver):
    """Return a sandbox that posts customers' texts to the receiver."""
    with running(replace(config, public_base_url=receiver.base)) as sandbox:
        yield sandbox


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def open_page(browser, sandbox):
    """Open the phone page; at the end, nothing may have gone wrong in it."""
    contexts, faults = [], []

    def open_page(path="/", width=1280, height=800, of=sandbox, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.goto(of.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
