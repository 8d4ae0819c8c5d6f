"""Test keys: all is as with any other key, but that nothing leaves, and nobody real is met."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from smsapp import api_keys, clock
from smsapp.api_keys import Scope
from smsapp.delivery import reconcile
from smsapp.extensions import db
from smsapp.models import Attempt, Consent, Delivery, HourCount, OptOut, Phone
from smsapp.phone import key_for_tests
from smsapp.providers import test_carrier
from smsapp.providers.test_carrier import MAGIC_NUMBERS
from smsapp.watch import gauges, overview, roll_up, rules
from tests.conftest import (
    ALICE,
    ENVIRONMENT,
    KEY,
    Service,
    change,
    command,
    empty,
    erase,
    make_due,
    make_earlier,
    opt_out,
    run_worker,
    settings_of,
    shipment,
    sid,
    text_in,
)
from tests.oncall.conftest import ANN, put_in

DELIVERED, UNREACHABLE, LANDLINE, STOPPED, UNKNOWN, SLOW = (each.number for each in MAGIC_NUMBERS)
TEST_KEY = key_for_tests(ALICE, ENVIRONMENT["PHONE_KEY"].encode())
ALONE = ("state", "reason", "error_code", "body", "channel", "route", "tries", "purpose")


def look_up(app):
    """Let a worker look for what became of everything."""
    with app.app_context():
        with db.engine.begin() as conn:
            asked = Delivery.check_at.is_not(None)
            conn.execute(update(Delivery).where(asked).values(check_at=Delivery.created_at))
        while reconcile.run():
            pass


def runs_to_its_end(app):
    for _ in range(3):
        make_due(app)
        run_worker(app)
        look_up(app)


@pytest.mark.parametrize(
    ("number", "answer", "ends", "attempts"),
    [
        (ALICE, 202, ("delivered", None), 1),
        (DELIVERED, 202, ("delivered", None), 1),
        (UNREACHABLE, 202, ("delivered", None), 2),
        (LANDLINE, 202, ("failed", 30006), 1),
        (STOPPED, 409, ("suppressed", 21610), 1),
        (UNKNOWN, 202, ("unknown", None), 1),
    ],
)
@pytest.mark.parametrize("prefer", [None, "respond-async"])
def test_a_message_ends_as_its_number_says(
    app, tester, twilio, rows, number, answer, ends, attempts, prefer
):
    told = tester.ships(phone=number, prefer=prefer)
    assert told.status_code == (202 if prefer else answer)
    runs_to_its_end(app)
    assert (rows.delivery.state, rows.delivery.error_code) == ends
    assert len(rows.attempts) == attempts
    assert rows.delivery.check_at is None
    shown = tester.get(f"/api/deliveries/{told.json['deliveryId']}").json
    assert (shown["status"], shown["channel"]) == (ends[0], "test")
    if shown["sid"]:
        assert shown["sid"].startswith("SM7e57")
        assert tester.get(f"/api/messages/{shown['sid']}").json == shown
    assert not twilio.calls
    assert not twilio.asked


def test_the_undelivered_one_is_tried_again_when_a_real_one_would_be(app, tester, rows):
    tester.ships(phone=UNREACHABLE)
    look_up(app)
    first = rows.delivery
    assert (first.state, first.error_code, first.undelivered) == ("pending", 30003, 1)
    assert first.due_at - rows.attempts[0].started_at >= timedelta(minutes=5)


def test_a_slow_one_is_delivered_a_minute_later(app, tester, rows, monkeypatch):
    tester.ships(phone=SLOW)
    with app.app_context(), db.engine.begin() as conn:
        make_earlier(conn, Attempt, timedelta(seconds=2), "started_at")
    look_up(app)
    assert rows.delivery.state == "sent"
    asked_next = rows.delivery.check_at - rows.attempts[0].started_at
    assert timedelta(minutes=1) < asked_next < timedelta(seconds=65)
    later = clock.now() + asked_next
    monkeypatch.setattr(test_carrier.clock, "now", lambda: later)
    look_up(app)
    assert rows.delivery.state == "delivered"


def test_the_stopped_one_says_so_each_time_and_keeps_no_opt_out(app, tester, rows):
    for n in range(2):
        answer = tester.ships(f"order-{n}-shipped", phone=STOPPED)
        assert (answer.status_code, answer.json["error"]) == (409, "opted_out")
    assert not rows.all(OptOut)
    assert len(rows.attempts) == 2


def test_what_is_asked_is_checked_as_ever(app, tester):
    assert tester.ships(phone="none").status_code == 400
    assert tester.ships(channels=["test"]).status_code == 400
    assert tester.ships(channels=["whatsapp"]).status_code == 400
    told = tester.post("/api/events/order_shipped", json=shipment(consentAt=None))
    assert (told.status_code, told.json["error"]) == (409, "no_consent")
    tried = tester.post("/api/order-shipped-sms?dryRun=true", json=shipment("another-event"))
    assert (tried.json["wouldSend"], tried.json["channel"]) == (True, "test")


def test_nobody_real_is_met(app, tester, shop, twilio, rows):
    """Neither her opt-out nor her consents, her limit, her first text nor her appointment."""
    opt_out(app, ALICE)
    with settings_of(app, MAX_TEXTS_PER_NUMBER_PER_DAY="1", ALLOWED_RECIPIENTS="+447700900123"):
        for n in range(3):
            assert tester.ships(f"order-{n}-shipped").json["status"] == "sent"
    assert {row.phone_key for row in rows.all(Delivery)} == {TEST_KEY}
    assert {row.phone_key for row in rows.all(Consent)} == {TEST_KEY}
    assert {row.phone_key: (row.e164, row.is_test) for row in rows.all(Phone)} == {
        KEY: (ALICE, False),
        TEST_KEY: (ALICE, True),
    }
    assert shop.ships("real-shipped").status_code == 409
    text_in(app, sid(9001), ALICE, "START")
    assert shop.ships("again-shipped").json["status"] == "sent"
    assert len(twilio.calls) == 1


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["live", "test"]),
        st.sampled_from(["ships", "delays", "books", "moves", "stops", "works"]),
        st.sampled_from(["1001", "1002"]),
    ),
    max_size=8,
)
BODIES = {
    "ships": ("order_shipped", {}),
    "delays": ("order_delayed", {"expectedOn": "2082-12-04"}),
    "books": ("appointment_booked", {"startsAt": "2082-12-04T14:00:00Z", "remindBefore": ["P1D"]}),
    "moves": ("appointment_moved", {"startsAt": "2082-12-05T14:00:00Z"}),
}


def live_outcome(app, keys, twilio, rows, moves):
    """Return what the live key was answered, and what became of all that it told of."""
    answers = []
    twilio.calls.clear()
    for n, (whose, move, subject) in enumerate(moves):
        if move == "stops" and whose == "live":
            text_in(app, sid(5000 + n), ALICE, "STOP")
        elif move == "works" and whose == "live":
            run_worker(app)
        elif move in BODIES:
            kind, own = BODIES[move]
            event = shipment(f"{whose}-event-{n}", orderId=subject, appointmentId=subject, **own)
            answer = keys[whose].post(f"/api/events/{kind}", json=event)
            if whose == "live":
                answers.append((answer.status_code, answer.json.get("error")))
    told = sorted(
        # The event id of a reminder is of an id that is made anew each time.
        (row.kind, row.event_id[:12], *(str(getattr(row, name)) for name in ALONE))
        if row.kind != "appointment_reminder"
        else (row.kind, "", *(str(getattr(row, name)) for name in ALONE))
        for row in rows.all(Delivery)
        if row.channel != "test"
    )
    hers = sorted(
        (row for row in rows.all(Consent) if row.phone_key == KEY), key=lambda row: row.seq
    )
    ledger = [(row.purpose, row.action) for row in hers]
    return answers, told, ledger, [call["body"] for call in twilio.calls]


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(moves=MOVES)
def test_what_becomes_of_live_events_is_the_same_without_those_of_test_keys(
    app, twilio, rows, moves
):
    without = [move if move[0] == "live" else ("live", "nothing", "") for move in moves]
    outcomes = []
    for these in (moves, without):
        empty(app)
        with app.app_context():
            keys = {
                "live": api_keys.create("live", {Scope.SEND}),
                "test": api_keys.create("test", {Scope.SEND}, is_test=True),
            }
        services = {name: Service(app.test_client(), key) for name, key in keys.items()}
        with settings_of(app, MAX_TEXTS_PER_NUMBER_PER_DAY="2", SHOP_NAME="Lamps"):
            outcomes.append(live_outcome(app, services, twilio, rows, these))
    assert outcomes[0] == outcomes[1]


def test_nothing_of_a_test_is_counted(app, tester, shop, rows):
    for n, number in enumerate((LANDLINE, UNKNOWN) * 10):
        tester.ships(f"order-{n}-shipped", phone=number)
    tester.ships("order-late-shipped", prefer="respond-async")
    look_up(app)
    change(app, Delivery, state_at=clock.now() - timedelta(hours=1))
    with app.app_context():
        with db.engine.begin() as conn:
            make_earlier(conn, Delivery, timedelta(minutes=30), "due_at")
        with db.engine.connect() as conn:
            config = app.extensions["settings"]
            found = [rule(conn, clock.now(), config) for rule in rules.RULES]
        about = {finding.kind for each in found for finding in each}
        assert about == {"no_worker"}
        waiting = gauges.read_waiting()
        assert (waiting.pending, waiting.unknown, waiting.oldest_unknown) == (0, 0, None)
        roll_up.run()
        assert not overview.show("day").failures
    assert not rows.all(HourCount)


def test_a_test_key_sees_and_cancels_what_test_keys_sent_alone(app, tester, shop):
    in_a_day = {"sendAt": (clock.now() + timedelta(days=1)).isoformat()}
    real = shop.ships("real-shipped", **in_a_day).json["deliveryId"]
    test = tester.ships("test-shipped", **in_a_day).json["deliveryId"]
    ids = [row["deliveryId"] for row in tester.get("/api/deliveries").json["data"]]
    assert ids == [test]
    assert [row["deliveryId"] for row in shop.get("/api/deliveries").json["data"]] == [test, real]
    for path in (f"/api/deliveries/{real}", "/api/deliveries?eventId=real-shipped"):
        assert tester.get(path).status_code == 404
        assert shop.get(path).status_code == 200
    assert tester.post(f"/api/deliveries/{real}/cancel").status_code == 404
    assert tester.post(f"/api/deliveries/{test}/cancel").json["status"] == "canceled"
    assert shop.get(f"/api/deliveries/{real}").json["status"] == "pending"


def test_a_test_key_wakes_nobody_and_reads_of_no_incident(app, tester, rows):
    put_in(app, "Ann", ANN)
    opened = {
        "eventId": "alert-1",
        "incidentKey": "checkout",
        "title": "Down",
        "severity": "critical",
    }
    refused = tester.post("/api/events/incident_opened", json=opened)
    assert (refused.status_code, refused.json["error"]) == (403, "forbidden")
    assert "test key" in refused.json["message"]
    assert not rows.all(Delivery)


def test_an_event_id_of_a_test_is_told_apart_and_loses_nothing(tester, shop, twilio):
    tester.ships()
    told = shop.ships()
    assert (told.status_code, told.json["error"]) == (422, "event_id_reused")
    assert "test key" in told.json["message"]
    assert not twilio.calls


def test_who_is_erased_is_erased_from_tests_too(app, tester, shop, twilio, rows):
    shop.ships("real-shipped")
    tester.ships("test-shipped")
    erase(app)
    assert [(row.e164, row.erased_at is not None) for row in rows.all(Phone)] == [(None, True)] * 2
    assert {row.body for row in rows.all(Delivery)} == {""}
    assert tester.ships("later-shipped").status_code == 409


def test_who_is_known_from_tests_alone_can_be_erased(app, tester, rows):
    tester.ships()
    command(app, "erase", ALICE)
    assert rows.one(Phone).e164 is None


@pytest.mark.one_database
def test_a_test_key_has_no_scope_that_is_real(app, run):
    refused = run("api-key", "create", "try", "--test", "--scope", "verify", "--scope", "send")
    assert refused.exit_code == 1
    assert "read, send" in refused.output
    made = command(app, "api-key", "create", "try", "--test", "--scope", "send")
    assert "Test key “try” may send." in made
    listed = command(app, "api-key", "list")
    assert "  test" in listed
