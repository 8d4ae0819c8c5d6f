"""What Twilio refuses waits unspent, and no more of it than the refusal is about."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from smsapp import worker
from smsapp.delivery import country_holds, sender
from smsapp.extensions import db
from smsapp.models import Attempt, Delivery, Sender
from smsapp.providers.outcomes import Refused
from smsapp.trace import status_text, timeline
from smsapp.watch import alarms
from tests.conftest import BOB, command, make_due, opt_out, run_worker

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
BRITISH, AMERICAN = "+4477009001{:02}", "+120255501{:02}"
UNKNOWN_CODE = 29999


def ships(shop, number, phone, **changes):
    event = f"order-{number:04}-shipped"
    return shop.ships(event, orderId=str(number), phone=phone.format(number), **changes).json


def states(rows):
    return {row.order_id: row.state for row in rows.all(Delivery)}


def probes_are_due(app):
    """Let the time come at which a text to each held country may try."""
    with app.app_context(), db.engine.begin() as conn:
        state = sender.read_state(conn, "+15005550006")
        due = {
            country: hold.as_json() | {"probe_at": hold.since.isoformat()}
            for country, hold in state.held_countries.items()
        }
        sender.write(conn, "+15005550006", {"country_holds": due})
    make_due(app)


@pytest.mark.parametrize("code", [21408, 21606, 21612, 21703])
def test_a_country_that_is_not_open_to_us_holds_its_own_texts_and_no_others(
    app, shop, twilio, rows, code, caplog
):
    twilio.rejects(code)
    assert ships(shop, 1, BRITISH)["status"] == "pending"
    assert ships(shop, 2, BRITISH)["status"] == "pending"
    assert ships(shop, 3, AMERICAN)["status"] == "sent"
    assert run_worker(app) == 0
    assert len(twilio.calls) == 2
    assert {row.tries for row in rows.all(Delivery) if row.order_id != "3"} == {0}
    (line,) = [r for r in caplog.records if r.msg.startswith("country held")]
    assert (line.levelname, line.country, line.twilio_code) == ("ERROR", "GB", code)


def test_one_text_at_a_time_tries_whether_a_held_country_works_again(app, shop, twilio, rows):
    twilio.answers += [Refused(400, 21408, None)] * 2
    for number in (1, 2, 3):
        ships(shop, number, BRITISH)
    probes_are_due(app)
    assert run_worker(app) == 1
    assert set(states(rows).values()) == {"pending"}
    probes_are_due(app)
    assert run_worker(app) == 1
    assert run_worker(app) == 2
    assert set(states(rows).values()) == {"sent"}
    assert rows.one(Sender).country_holds is None
    assert len(twilio.calls) == 5


def test_what_waits_for_a_country_stands_in_nobodys_way(app, shop, twilio, rows):
    twilio.rejects(21408)
    for number in range(20):
        ships(shop, number, BRITISH, prefer="respond-async")
    ships(shop, 20, AMERICAN, prefer="respond-async")
    with app.app_context():
        for _ in range(3):  # the first claim may have had all of the country's
            worker.run_once()
        assert states(rows)["20"] == "sent"
        assert not worker._may_anything_go()


def test_a_number_that_cannot_be_reached_is_not_its_whole_country(app, shop, twilio, rows):
    ships(shop, 1, BRITISH)
    twilio.rejects(21612)
    answer = ships(shop, 2, BRITISH)
    assert (answer["error"], answer["code"]) == ("sms_delivery_failed", 21612)
    assert ships(shop, 3, BRITISH)["status"] == "sent"


def test_a_held_country_tries_again_less_and_less_often():
    waits = []
    at = START
    for _ in range(7):
        then = country_holds._next_try(START, at)
        waits.append((then - at).total_seconds())
        at = then
    assert waits == [30, 30, 60, 120, 240, 480, 600]


def test_a_held_country_is_told_wherever_a_held_sender_is(app, shop, twilio, rows):
    twilio.rejects(21408)
    ships(shop, 1, BRITISH)
    assert "texts to GB held since" in command(app, "sending", "status")
    with app.app_context():
        told = status_text.of_delivery(timeline.of_delivery(rows.delivery.id))
        assert "none of our texts to this country" in told.cause
        assert "Geographic Permissions" in told.next_step
        alarms.evaluate()
        (alarm,) = [alarm for alarm in alarms.open_alarms() if alarm.country == "GB"]
    assert alarm.sentence == "Twilio takes no texts from +*******0006 to GB, so these wait."


def test_a_stop_or_an_end_of_time_reaches_what_waits_for_a_country(app, shop, twilio, rows):
    twilio.rejects(21408)
    ships(shop, 0, BOB)
    ships(shop, 1, BRITISH)
    opt_out(app, BOB)
    with app.app_context(), db.engine.begin() as conn:
        late = Delivery.order_id == "1"
        conn.execute(update(Delivery).where(late).values(expires_at=Delivery.created_at))
    make_due(app)
    run_worker(app)
    assert states(rows) == {"0": "suppressed", "1": "expired"}


@pytest.mark.parametrize("refused", [Refused(400, UNKNOWN_CODE, None), Refused(404, None, None)])
def test_an_unknown_refusal_that_two_numbers_meet_holds_the_sender(
    app, shop, twilio, rows, refused
):
    twilio.answers += [refused] * 2
    assert ships(shop, 1, AMERICAN)["error"] == "sms_delivery_failed"
    assert ships(shop, 2, BRITISH)["status"] == "pending"
    assert ships(shop, 3, AMERICAN)["status"] == "pending"
    assert len(twilio.calls) == 2
    assert rows.one(Sender).held_code == refused.code or refused.http_status


def test_an_unknown_refusal_that_one_number_meets_again_and_again_holds_nothing(
    app, shop, twilio, rows
):
    twilio.answers += [Refused(400, UNKNOWN_CODE, None)] * 2
    for event in ("order-1-shipped", "order-2-shipped"):
        assert shop.ships(event).json["error"] == "sms_delivery_failed"
    assert rows.all(Sender) == []


def test_unknown_refusals_of_several_numbers_hold_nothing_where_others_are_taken_between(
    app, shop, twilio, rows
):
    for number in (1, 3):
        twilio.rejects(UNKNOWN_CODE)
        assert ships(shop, number, AMERICAN)["error"] == "sms_delivery_failed"
        assert ships(shop, number + 1, AMERICAN)["status"] == "sent"
    assert rows.all(Sender) == []
    assert len(rows.all(Attempt)) == 4
