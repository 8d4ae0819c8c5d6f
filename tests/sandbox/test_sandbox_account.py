"""What the sandbox says about the account, its number and its services, as the SDK sees it."""

import inspect
import json
import re
from dataclasses import replace

import pytest
from twilio.rest.api.v2010.account import AccountInstance
from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberInstance
from twilio.rest.api.v2010.account.message import MessageInstance
from twilio.rest.messaging.v1 import service as messaging
from twilio.rest.messaging.v1.service.phone_number import PhoneNumberInstance
from twilio.rest.verify.v2 import service as verify
from twilio.rest.verify.v2.service.verification import VerificationInstance

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


OLD = f"/2010-04-01/Accounts/{ACCOUNT}"
OF_VERIFY, OF_MESSAGING = f"/v2/Services/{SERVICE}", f"/v1/Services/{MESSAGING}"
TO = {"To": "+12025550123"}
LISTS = {"incoming_phone_numbers", "phone_numbers"}
# The SDK is made from Twilio's descriptions: its class of each resource reads every field.
RESOURCES = [
    (AccountInstance, "GET", f"{OLD}.json", {}),
    (IncomingPhoneNumberInstance, "GET", f"{OLD}/IncomingPhoneNumbers.json", {}),
    (MessageInstance, "POST", f"{OLD}/Messages.json", TO | {"From": SHOP, "Body": "Hello"}),
    (verify.ServiceInstance, "GET", OF_VERIFY, {}),
    (VerificationInstance, "POST", f"{OF_VERIFY}/Verifications", TO | {"Channel": "sms"}),
    (messaging.ServiceInstance, "GET", OF_MESSAGING, {}),
    (PhoneNumberInstance, "GET", f"{OF_MESSAGING}/PhoneNumbers", {}),
]


@pytest.mark.parametrize(("resource", "method", "path", "data"), RESOURCES)
def test_every_field_that_twilio_describes_is_there(client, sandbox, resource, method, path, data):
    answer = json.loads(client.request(method, sandbox.url + path, data=data).text)
    found = next((answer[key][0] for key in LISTS & answer.keys()), answer)
    described = re.findall(r'payload\.get\(\s*"(\w+)"', inspect.getsource(resource))
    assert len(described) > 5
    assert set(described) - found.keys() == set()


def test_a_message_has_a_list_of_media_with_nothing_in_it(client):
    sent = client.messages.create(to="+12025550123", from_=SHOP, body="Hello")
    assert client.messages(sent.sid).media.list() == []
