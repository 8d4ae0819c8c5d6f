"""Three sandboxes for all tests, as new before each: a start takes longer than most tests."""

from dataclasses import replace

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from smsapp.sandbox.testing import running
from tests.sandbox.desk import ACCOUNT, SERVICE, SHOP, TOKEN, Receiver, config_in
from tests.sandbox.desk_page import HASTE


@pytest.fixture
def config(tmp_path):
    """For a sandbox of a test's own."""
    return config_in(tmp_path)


@pytest.fixture
def slow_config(config):
    """A carrier that leaves a message queued for as long as a test looks at it."""
    return replace(config, pace=100.0)


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory):
    with running(config_in(tmp_path_factory.mktemp("sandbox"))) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def shared_slow_sandbox(tmp_path_factory):
    slow = replace(config_in(tmp_path_factory.mktemp("slow")), pace=100.0)
    with running(slow) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def shared_receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def shared_shop(tmp_path_factory, shared_receiver):
    told = replace(config_in(tmp_path_factory.mktemp("shop")), public_base_url=shared_receiver.base)
    with running(told) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox):
    yield shared_sandbox
    shared_sandbox.settle()
    shared_sandbox.reset()


@pytest.fixture
def slow_sandbox(shared_slow_sandbox):
    yield shared_slow_sandbox
    shared_slow_sandbox.reset()


@pytest.fixture
def shop(shared_shop, receiver):
    """A sandbox that posts customers' texts to the receiver."""
    yield shared_shop
    shared_shop.settle()
    shared_shop.reset()


@pytest.fixture
def receiver(shared_receiver):
    """An app of one address that has heard nothing yet."""
    shared_receiver.posted.clear()
    shared_receiver.answers.clear()
    return shared_receiver


@pytest.fixture
def connect():
    """Return the SDK as it comes from Twilio, pointed at a sandbox."""
    transports = []

    def connect(sandbox, username=ACCOUNT, password=TOKEN, timeout=5.0):
        transport = TwilioHttpClient(timeout=timeout)
        transports.append(transport)
        client = Client(username, password, account_sid=ACCOUNT, http_client=transport)
        for api in (client.api, client.messaging, client.verify):
            api.base_url = sandbox.url
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
def open_page(browser, sandbox):
    """Open the phone page; at the end, nothing may have gone wrong in it."""
    contexts, faults = [], []

    def open_page(path="/", width=1280, height=800, of=sandbox, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.add_init_script(HASTE)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.goto(of.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
