"""Which numbers a Messaging Service has, as the unmodified SDK asks."""

import pytest
from desk import SHOP
from twilio.base.exceptions import TwilioException

SERVICE = "MG" + "1" * 32


@pytest.fixture
def service(sandbox, client):
    client.messaging.base_url = sandbox.url
    return client.messaging.v1.services


def test_a_service_has_the_shops_number_and_no_short_code(service):
    assert [found.phone_number for found in service(SERVICE).phone_numbers.list()] == [SHOP]
    assert service(SERVICE).short_codes.list() == []


def test_another_service_is_not_there(service):
    with pytest.raises(TwilioException) as refused:
        service("MG1").phone_numbers.list()
    assert refused.value.args[1].status_code == 404


def test_a_text_that_was_never_posted_is_listed(sandbox, client):
    sandbox.weather(lost_inbound=100)
    sid = sandbox.text("+15558675310", "STOP")
    (listed,) = client.messages.list(to=SHOP)
    assert (listed.sid, listed.direction, listed.from_) == (sid, "inbound", "+15558675310")
    assert (listed.body, listed.status) == ("STOP", "received")
