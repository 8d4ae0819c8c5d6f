"""What the sandbox says about the account, its number and its services, as the SDK sees it."""

from dataclasses import replace

import pytest
from desk import ACCOUNT, SERVICE, SHOP
from twilio.base.exceptions import TwilioRestException

from smsapp.sandbox.testing import running

MESSAGING = "MG" + "2" * 32


@pytest.fixture
def of(config, connect):
    """Connect the SDK to a sandbox with these changes."""
    servers = []

    def of(**changes):
        server = running(replace(config, public_base_url="https://shop.example", **changes))
        servers.append(server)
        sandbox = server.__enter__()
        client = connect(sandbox)
        client.messaging.base_url = sandbox.url
        return client

    yield of
    for server in servers:
        server.__exit__(None, None, None)


def test_the_account_is_active_unless_told_otherwise(of):
    found = of().api.v2010.accounts(ACCOUNT).fetch()
    assert (found.status, found.type) == ("active", "Full")
    found = of(account_status="suspended", account_type="Trial").api.v2010.accounts(ACCOUNT).fetch()
    assert (found.status, found.type) == ("suspended", "Trial")


def test_the_accounts_number_is_found_and_says_where_texts_go(of):
    client = of()
    (number,) = client.incoming_phone_numbers.list(phone_number=SHOP)
    assert number.phone_number == SHOP
    assert number.capabilities["sms"] is True
    assert number.sms_url == "https://shop.example/twilio/inbound#rc=5&rp=all"
    assert number.sms_method == "POST"
    assert client.incoming_phone_numbers.list(phone_number="+12025550199") == []
    assert [each.phone_number for each in client.incoming_phone_numbers.list()] == [SHOP]


def test_a_messaging_service_has_the_number(of):
    service = of().messaging.v1.services(MESSAGING)
    assert service.fetch().inbound_request_url == "https://shop.example/twilio/inbound#rc=5&rp=all"
    assert [number.phone_number for number in service.phone_numbers.list()] == [SHOP]
    assert service.short_codes.list() == []


def test_another_accounts_services_are_not_found(of):
    client = of(messaging_service_sid="MG" + "3" * 32, verify_service_sid=SERVICE)
    for other in (
        client.messaging.v1.services(MESSAGING),
        client.verify.v2.services("VA" + "9" * 32),
    ):
        with pytest.raises(TwilioRestException) as raised:
            other.fetch()
        assert (raised.value.status, raised.value.code) == (404, 20404)


def test_the_verify_service_is_there(of):
    found = of(verify_friendly_name="Ann’s Shop").verify.v2.services(SERVICE).fetch()
    assert (found.sid, found.friendly_name, found.code_length) == (SERVICE, "Ann’s Shop", 6)
