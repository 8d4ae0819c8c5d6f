"""Three sandboxes for all tests, as new before each: a start takes longer than most tests."""

from contextlib import ExitStack

import pytest
from playwright.sync_api import Error
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from smsapp.sandbox.testing import running
from tests.conftest import new_window
from tests.sandbox.desk import ACCOUNT, CUSTOMER, SERVICE, SHOP, TOKEN, Receiver, config_in
from tests.sandbox.desk_page import HASTE
from tests.system import serving

# A carrier that leaves a message queued for as long as a test looks at it.
SLOW = 100.0


@pytest.fixture
def config(tmp_path):
    """For a sandbox of a test's own."""
    return config_in(tmp_path)


@pytest.fixture(scope="session")
def begin(tmp_path_factory):
    """Start a sandbox for all tests."""
    with ExitStack() as stack:

        def begin(**changes):
            config = config_in(tmp_path_factory.mktemp("sandbox"), **changes)
            return stack.enter_context(running(config))

        yield begin


@pytest.fixture(scope="session")
def shared_sandbox(begin):
    return begin()


@pytest.fixture(scope="session")
def shared_slow_sandbox(begin):
    return begin(pace=SLOW)


@pytest.fixture(scope="session")
def shared_receiver():
    receiver = Receiver()
    with serving(receiver.app) as receiver.base:
        yield receiver


@pytest.fixture(scope="session")
def shared_shop(begin, shared_receiver):
    return begin(public_base_url=shared_receiver.base)


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
    shared_receiver.pages.clear()
    return shared_receiver


@pytest.fixture
def connect():
    """Return the SDK as it comes from Twilio, pointed at a sandbox."""
    transports = []

    def connect(sandbox, username=ACCOUNT, password=TOKEN, timeout=5.0):
        transport = TwilioHttpClient(timeout=timeout)
        transports.append(transport)
        client = Client(username, password, account_sid=ACCOUNT, http_client=transport)
        for api in (client.api, client.messaging, client.verify, client.content):
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

    def send(to=CUSTOMER, body="Your order 1001 has shipped.", **more):
        return client.messages.create(to=to, from_=SHOP, body=body, **more)

    return send


@pytest.fixture
def verify(client):
    """Verify's service with the SDK."""
    return client.verify.v2.services(SERVICE)


@pytest.fixture(scope="module")
def windows(browser):
    """A window with scripts and one without, and what went wrong in them.

    All tests of a file share them: a new one takes longer than most, and the page keeps nothing.
    """
    faults = []
    windows = {
        scripts: new_window(browser, faults, java_script_enabled=scripts)
        for scripts in (True, False)
    }
    windows[True].add_init_script(HASTE)
    yield windows, faults
    for window in windows.values():
        window.context.close()


@pytest.fixture
def open_page(windows, sandbox):
    """Open the phone page; at the end, nothing may have gone wrong in it."""
    windows, faults = windows

    def open_page(path="/", of=sandbox, width=1280, height=800, java_script_enabled=True):
        page = windows[java_script_enabled]
        page.set_viewport_size({"width": width, "height": height})
        page.goto(of.url + path)
        return page

    yield open_page
    for window in windows.values():
        try:
            window.goto("about:blank")  # or it would go on asking
        except Error:  # just as it asked
            window.goto("about:blank")
    found = faults.copy()
    faults.clear()
    assert found == []
