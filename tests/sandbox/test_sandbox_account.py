"""What the sandbox says about the account, its number and its services, as the SDK sees it."""

from dataclasses import replace

import pytest

from smsapp.sandbox.testing import running
from tests.sandbox.desk import ACCOUNT, MESSAGING, SERVICE, SHOP, refused


@pytest.fixture
def shops_client(shop, connect):
    return connect(shop)


@pytest.fixture
def other(config, connect):
    """An account with everything set otherwise."""
    changes = {
        "account_status": "suspended",
        "account_type": "Trial",
        "messaging_service_sid": "MG" + "3" * 32,
        "verify_service_sid": SERVICE,
        "verify_friendly_name": "Ann’s Shop",
        "number_sends_texts": False,
    }
    with running(replace(config, **changes)) as sandbox:
        yield connect(sandbox)


def test_the_account_is_active_unless_told_otherwise(client, other):
    found = client.api.v2010.accounts(ACCOUNT).fetch()
    assert (found.status, found.type) == ("active", "Full")
    found = other.api.v2010.accounts(ACCOUNT).fetch()
    assert (found.status, found.type) == ("suspended", "Trial")


def test_the_accounts_number_is_found_and_says_where_texts_go(shops_client, receiver):
    (number,) = shops_client.incoming_phone_numbers.list(phone_number=SHOP)
    assert number.phone_number == SHOP
    assert number.capabilities["sms"] is True
    assert number.sms_url == f"{receiver.base}/twilio/inbound#rc=5&rp=all"
    assert number.sms_method == "POST"
    assert shops_client.incoming_phone_numbers.list(phone_number="+12025550199") == []
    assert [each.phone_number for each in shops_client.incoming_phone_numbers.list()] == [SHOP]


def test_a_number_may_send_no_texts(other):
    (number,) = other.incoming_phone_numbers.list(phone_number=SHOP)
    assert number.capabilities["sms"] is False


def test_a_messaging_service_has_the_number_and_no_short_code(shops_client, receiver):
    service = shops_client.messaging.v1.services(MESSAGING)
    assert service.fetch().inbound_request_url == f"{receiver.base}/twilio/inbound#rc=5&rp=all"
    assert [number.phone_number for number in service.phone_numbers.list()] == [SHOP]
    assert service.short_codes.list() == []


def test_another_accounts_services_are_not_found(other):
    for service in (
        other.messaging.v1.services(MESSAGING),
        other.messaging.v1.services("MG1"),
        other.verify.v2.services("VA" + "9" * 32),
    ):
        assert refused(service.fetch) == (404, 20404)


def test_the_verify_service_is_there(other):
    found = other.verify.v2.services(SERVICE).fetch()
    assert (found.sid, found.friendly_name, found.code_length) == (SERVICE, "Ann’s Shop", 6)
