"""Calls of ours: one of Twilio's, what is said in it, and what becomes of it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from smsapp import clock
from smsapp.delivery import channels, reconcile
from smsapp.models import Attempt, Call, Delivery
from smsapp.providers import calls
from smsapp.providers.messages import Listed, Sent
from smsapp.providers.outcomes import Refused, Unknown
from smsapp.voice.key_answers import KEY_ANSWERS
from tests.conftest import (
    ALICE,
    change,
    make_due,
    on_one_database,
    opt_out,
    run_worker,
    settings_of,
)
from tests.voice.conftest import VOICE, call_sid, fields, verbs, words

ORDER = {"eventId": "order-1001", "phone": ALICE, "orderId": "1001", "channels": ["call"]}
ORDER |= {"consentAt": "2026-06-02T09:00:00Z", "trackingUrl": "https://example.com/track/1001"}


class FakeCalls:
    """Twilio's calls as far as the channel knows them."""

    def __init__(self):
        self.started, self.answers, self.listed = [], [], []

    def start(self, wanted):
        self.started.append(wanted)
        return self.answers.pop(0) if self.answers else Sent(call_sid(), "queued", None)

    def calls_to(self, number, since):
        return self.listed

    def look_up(self, sid):
        return next((call for call in self.listed if call.sid == sid), Refused(404, 20404, None))


@pytest.fixture
def phone(line, monkeypatch):
    fake = FakeCalls()
    monkeypatch.setattr(calls, "_client", lambda *_: fake)
    return fake


@pytest.fixture
def ships(line, phone, shop):
    return lambda **changes: shop.post("/api/events/order_shipped", json=ORDER | changes)


def place(rows, name="delivery"):
    return f"/twilio/voice/{name}?attempt={rows.attempts[0].id}"


def listed(number, created_at, status="completed"):
    return Listed(call_sid(number), "", True, status, 0, created_at, VOICE, has_words=False)


def test_without_a_number_to_call_from_nobody_can_be_called(shop):
    answer = shop.post("/api/events/order_shipped", json=ORDER)
    assert answer.status_code == 400
    assert answer.json["details"]["fieldErrors"] == {"channels": ["call is not set up"]}


def test_a_call_is_asked_for_once_and_says_where_its_words_are(ships, phone, rows):
    assert ships().json["status"] == "sent"
    (wanted,) = phone.started
    attempt = rows.attempts[0].id.hex
    assert (wanted["To"], wanted["From"]) == (ALICE, VOICE)
    assert wanted["Url"] == f"https://sms.example.com/twilio/voice/delivery?attempt={attempt}"
    assert wanted["MachineDetection"] == "DetectMessageEnd"
    assert "1001" not in str(wanted)
    assert rows.attempts[0].sid == call_sid()


def test_the_words_are_said_twice_in_the_language_of_the_event(ships, line, rows):
    ships(locale="de-AT")
    document = line.asks(place(rows), fields("outgoing_call_answered"))
    said = "Ihre Bestellung 1 0 0 1 ist unterwegs."
    assert words(document) == [said, said, "Auf Wiederhören."]
    assert {each.get("language") for each in document.iter("Say")} == {"de-DE"}
    assert verbs(document)[-1] == "Hangup"
    call = rows.one(Call)
    assert (call.sid, call.direction, call.attempt_id) == (
        call_sid(),
        "outbound",
        rows.attempts[0].id,
    )


@pytest.mark.parametrize(
    ("name", "state", "code"),
    [
        ("status_busy", "pending", 486),
        ("status_no_answer", "pending", 480),
        ("status_failed", "failed", 404),
        ("status_canceled", "failed", 487),
        ("status_completed", "delivered", None),
        ("status_completed_sync_amd", "delivered", None),
        ("status_initiated", "sent", None),
        ("status_ringing", "sent", None),
        ("status_answered", "sent", None),
    ],
)
def test_what_becomes_of_it_is_a_receipt_and_moves_the_row_of_the_call(
    ships, line, rows, name, state, code
):
    ships()
    assert line.posts(place(rows, "status"), fields(name)).status_code == 204
    assert rows.delivery.state == state
    assert rows.attempts[0].error_code == code
    assert rows.one(Call).status == fields(name)["CallStatus"]


@on_one_database
def test_who_is_taken_for_a_machine_is_noted(ships, line, rows):
    ships()
    said = fields("outgoing_call_answered_sync_amd", AnsweredBy="machine_end_beep")
    assert verbs(line.asks(place(rows), said)) == ["Say", "Pause", "Say", "Say", "Hangup"]
    assert rows.one(Call).answered_by == "machine_end_beep"


@on_one_database
def test_a_late_ringing_moves_nothing_that_has_ended(ships, line, rows):
    ships()
    ended = fields("status_completed_sync_amd", AnsweredBy="machine_end_beep")
    for said in (ended, fields("status_ringing"), ended):
        line.posts(place(rows, "status"), said)
    call = rows.one(Call)
    assert (call.status, call.seconds, call.answered_by) == ("completed", 49, "machine_end_beep")
    assert rows.delivery.state == "delivered"


def test_a_key_does_what_a_reply_does_and_twice_the_same(app, shop, line, phone, rows):
    event = {
        "eventId": "visit-7-booked",
        "phone": ALICE,
        "channels": ["call"],
        "consentAt": "2026-06-02T09:00:00Z",
        "appointmentId": "7",
        "startsAt": "2030-06-03T15:00:00+02:00",
    }
    booked = shop.post("/api/events/appointment_booked", json=event).json["deliveryId"]
    make_due(app)
    phone.answers = [Sent(call_sid(2), "queued", None), Sent(call_sid(3), "queued", None)]
    run_worker(app)
    assert "MachineDetection" not in phone.started[-1]
    (reminder, *_) = [a for a in rows.all(Attempt) if str(a.delivery_id) != booked]
    said = fields("gather_digits", CallSid=call_sid(2))
    at = f"attempt={reminder.id}"
    asked = line.asks(f"/twilio/voice/delivery?{at}", fields("outgoing_call_answered"))
    assert verbs(asked) == ["Gather", "Gather", "Say", "Hangup"]
    assert words(asked)[0].endswith("Press 1 to confirm.")
    first, again = (words(line.asks(f"/twilio/voice/key?{at}", said)) for _ in range(2))
    assert first == again
    assert first[0].startswith("Thank you. Your appointment on")
    told = shop.get(f"/api/deliveries/{booked}").json
    assert told["appointment"]["confirmedAt"]
    wrong = line.asks(f"/twilio/voice/key?{at}&wrong=2", said | {"Digits": "5"})
    assert words(wrong) == ["That key has no meaning here.", "Goodbye."]


def test_a_landline_that_takes_no_text_is_called(app, shop, line, phone, twilio, rows):
    twilio.rejects(21614)
    shop.post("/api/events/order_shipped", json=ORDER | {"channels": ["sms", "call"]})
    assert run_worker(app) == 1
    assert [attempt.channel for attempt in rows.attempts] == ["sms", "call"]
    assert len(phone.started) == 1


def test_after_one_more_try_a_busy_line_is_texted(app, shop, line, phone, twilio, rows):
    shop.post("/api/events/order_shipped", json=ORDER | {"channels": ["call", "sms"]})
    line.posts(place(rows, "status"), fields("status_busy"))
    assert (rows.delivery.state, rows.delivery.channel) == ("pending", "call")
    change(app, Delivery, due_at=rows.delivery.created_at)
    phone.answers = [Sent(call_sid(2), "queued", None)]
    assert run_worker(app) == 1
    said = fields("status_busy", CallSid=call_sid(2))
    line.posts(f"/twilio/voice/status?attempt={rows.attempts[1].id}", said)
    assert rows.delivery.channel == "sms"
    assert run_worker(app) == 1
    assert len(twilio.calls) == 1


def test_a_call_that_broke_off_is_found_in_twilios_list(app, ships, phone, rows):
    phone.answers = [Unknown("timeout", None, None)]
    assert ships().json["status"] == "pending"
    phone.listed = [listed(7, rows.attempts[0].started_at)]
    change(app, Delivery, check_at=rows.delivery.created_at)
    with app.app_context():
        reconcile.run()
    assert (rows.delivery.state, rows.attempts[0].sid) == ("delivered", call_sid(7))


def test_of_two_calls_and_one_attempt_nobody_can_tell_which_it_was(app, ships, phone, rows):
    phone.answers = [Unknown("timeout", None, None)]
    ships()
    at = rows.attempts[0].started_at
    phone.listed = [listed(8, at + timedelta(seconds=1)), listed(7, at)]
    change(app, Delivery, check_at=rows.delivery.created_at)
    with app.app_context():
        reconcile.run()
    assert rows.delivery.state == "unknown"


def test_who_stopped_texts_is_not_called(app, ships, phone, shop, rows):
    shop.ships("order-1-shipped", orderId="1", prefer="respond-async")
    opt_out(app, ALICE)
    assert ships().status_code == 409
    assert phone.started == []


@on_one_database
def test_nobody_is_rung_at_night_though_a_text_of_the_kind_may_leave(
    app, shop, line, phone, twilio
):
    zone = ZoneInfo("America/New_York")
    now = clock.now().astimezone(zone)
    quiet = f"{now - timedelta(minutes=5):%H:%M}-{now + timedelta(hours=2):%H:%M}"
    with settings_of(app, TWILIO_VOICE_FROM=VOICE, QUIET_HOURS=quiet):
        route = {"channels": ["sms", "call"]}
        told = shop.post("/api/events/order_shipped", json=ORDER | route).json
        rung = shop.post("/api/events/order_shipped", json=ORDER | {"eventId": "order-2"}).json
        assert (told["status"], rung["status"]) == ("sent", "pending")
        change(app, Delivery, state="delivered", due_at=None)
        twilio.rejects(21614)
        shop.post("/api/events/order_shipped", json=ORDER | route | {"eventId": "order-3"})
        run_worker(app)
    assert phone.started == []


@on_one_database
def test_calls_leave_one_a_second(app, shop, line, phone):
    with settings_of(app, TWILIO_VOICE_FROM=VOICE, QUIET_HOURS="none", CALLS_PER_SECOND=""):
        first, second = (
            shop.post("/api/events/order_shipped", json=ORDER | {"eventId": f"order-{n}"})
            for n in (10, 11)
        )
    assert (first.json["status"], second.json["status"]) == ("sent", "pending")


@on_one_database
def test_of_an_attempt_that_nobody_knows_nothing_is_said(line):
    nobodys = "/twilio/voice/delivery?attempt=01999999-0000-7000-8000-000000000000"
    assert verbs(line.asks(nobodys, fields("outgoing_call_answered"))) == ["Hangup"]


@on_one_database
def test_what_twilio_did_not_sign_is_refused_without_a_word(line):
    answer = line.posts("/twilio/voice/fallback", {}, **{"X-Twilio-Signature": "none"})
    assert (answer.status_code, verbs_of(answer)) == (403, [])
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"


@on_one_database
def test_a_fault_of_ours_is_spoken_and_a_status_is_posted_again(app, line, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError

    monkeypatch.setattr("smsapp.web.voice.outgoing.say_delivery", broken)
    monkeypatch.setattr("smsapp.web.voice.status.take", broken)
    said = words(line.asks("/twilio/voice/delivery", fields("outgoing_call_answered")))
    assert said == [
        "We are sorry. Something went wrong on our side. Please try again later. Goodbye."
    ]
    answer = line.posts("/twilio/voice/status", fields("status_completed"))
    assert (answer.status_code, verbs_of(answer)) == (500, [])
    assert words(line.asks("/twilio/voice/fallback", fields("fallback"))) == said


@on_one_database
def test_the_kinds_that_ask_for_a_key_are_those_that_have_an_answer():
    assert KEY_ANSWERS.keys() == channels.ASK_FOR_KEY


def verbs_of(answer):
    return [] if "<Response />" in answer.text else [answer.text]
