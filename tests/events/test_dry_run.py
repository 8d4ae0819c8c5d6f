"""?dryRun=true: what would become of an event, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from smsapp.models import Consent, Delivery, Phone
from smsapp.providers.outcomes import Refused
from smsapp.providers.twilio_errors import meaning
from tests.conftest import ALICE, opt_out, settings_of, shipment

PATH = "/api/events/order_shipped?dryRun=true"


@pytest.fixture
def tries(shop):
    """Ask what would become of an event."""

    def post(path=PATH, event_id="order-1001-shipped", **changes):
        return shop.post(path, json=shipment(event_id, **changes))

    return post


def test_it_tells_what_would_be_sent_and_writes_nothing(app, tries, twilio, rows):
    with settings_of(app, SHOP_NAME="Hill Shop"):
        answer = tries()
    assert (answer.status_code, answer.json["wouldSend"]) == (200, True)
    assert answer.json["body"] == (
        "Hill Shop: Your order 1001 has shipped. Tracking: https://example.com/track/1001"
        " Reply STOP to stop."
    )
    assert (answer.json["segments"], answer.json["encoding"]) == (1, "GSM-7")
    assert (answer.json["channel"], answer.json["warnings"]) == ("sms", [])
    assert answer.json["why"]["code"] == "now"
    assert twilio.calls == []
    assert [rows.all(table) for table in (Delivery, Phone, Consent)] == [[], [], []]


def test_it_is_what_is_sent_then(tries, shop, twilio):
    told = tries().json
    shop.ships()
    assert twilio.calls[0]["body"] == told["body"]


def test_why_not_is_said_in_words(app, tries, shop):
    assert tries("/api/events/order_delivered?dryRun=true", consentAt=None).json["why"] == {
        "code": "no_consent",
        "message": "Nobody knows of a consent for this number. Ask the customer for theirs, or send"
        " consentAt.",
    }
    shop.post("/api/events/order_delivered", json=shipment("order-1001-there"))
    late = tries("/api/events/order_out_for_delivery?dryRun=true").json
    assert (late["wouldSend"], late["why"]["code"]) == (False, "superseded")
    opt_out(app, ALICE)
    stopped = tries().json
    assert (stopped["wouldSend"], stopped["why"]["code"]) == (False, "opted_out")
    assert stopped["sendAt"] is None


def test_one_that_came_before_is_said_to_have_come(tries, shop, twilio):
    shop.ships()
    assert tries().json["why"] == {
        "code": "duplicate",
        "message": "This event came before; its message is sent.",
    }
    other = tries(orderId="1002").json
    assert (other["wouldSend"], other["why"]["code"]) == (False, "event_id_reused")
    assert len(twilio.calls) == 1


def test_when_it_would_leave_is_told(tries):
    at = datetime.now(UTC) + timedelta(days=2)
    told = tries(sendAt=at.isoformat()).json
    assert (told["wouldSend"], told["why"]["code"]) == (True, "planned")
    assert datetime.fromisoformat(told["sendAt"]) == at


def test_what_makes_it_dearer_is_told_with_what_to_write_instead(app, tries):
    with settings_of(app, SHOP_NAME="Ann’s", SMART_ENCODING="false"):
        told = tries(trackingUrl="http://bit.ly/x").json
    assert told["encoding"] == "UCS-2"
    assert len(told["warnings"]) == 3


def test_what_another_script_costs_is_told_and_not_held_against_it(app, tries):
    with settings_of(app, SHOP_NAME="Hill Shop"):
        told = tries(locale="ko")
    assert told.json["body"].endswith(" 수신 거부: STOP 회신")
    assert (told.json["encoding"], told.json["segments"]) == ("UCS-2", 2)
    assert told.json["warnings"] == []


def test_faults_are_told_as_ever_and_a_slip_texts_nobody(tries, twilio):
    assert tries(phone="123").status_code == 400
    slip = tries("/api/events/order_shipped?dryRun=yes")
    assert (slip.status_code, list(slip.json["details"]["fieldErrors"])) == (400, ["dryRun"])
    assert twilio.calls == []


def test_a_country_that_twilio_takes_no_texts_to_is_told(tries, shop, twilio):
    twilio.answers.append(Refused(400, 21408, None))
    shop.ships()
    told = tries(event_id="order-1002-shipped").json
    assert told["why"] == {"code": "held", "message": meaning(21408).cause}


@pytest.mark.parametrize("misspelt", ["dryrun", "dry_run", "DryRun", "dryRunn"])
def test_a_misspelt_dry_run_texts_nobody(tries, twilio, misspelt):
    slip = tries(f"/api/events/order_shipped?{misspelt}=true")
    assert slip.status_code == 400
    assert slip.json["details"]["fieldErrors"] == {misspelt: ["did you mean dryRun?"]}
    assert twilio.calls == []


def test_other_parameters_are_ignored(tries, twilio):
    assert tries("/api/events/order_shipped?utm_source=x").status_code == 202
