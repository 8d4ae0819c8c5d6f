"""Appointments: planned, moved, canceled and confirmed, in whichever order we are told."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.events import appointment_fields
from smsapp.events.appointments import BOOKED, CANCELED, MOVED, standing
from smsapp.inbound.messages import Missed, Text, receive
from smsapp.models import AppointmentEvent, Delivery, DeliveryState, Reason
from smsapp.providers.outcomes import Refused
from tests.conftest import (
    ALICE,
    BOB,
    change,
    make_due,
    opt_out,
    run_until_settled,
    run_worker,
    settings_of,
    sid,
    text_in,
)

NOW = datetime.now(UTC).replace(microsecond=0)
NOON = NOW.replace(hour=17, minute=0, second=0) + timedelta(days=10)  # in Washington
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
REMINDER = "appointment_reminder"
CANCELED_STATE = (DeliveryState.CANCELED, Reason.SUPERSEDED)


@pytest.fixture
def tells(shop, twilio):
    """Tell what happened to an appointment; each event has an id of its own."""
    ids = iter(range(1, 100))

    def post(kind, starts_at=NOON, **changes):
        body = {
            "eventId": f"visit-event-{next(ids)}",
            "phone": ALICE,
            "appointmentId": "A-7",
            "startsAt": starts_at and starts_at.isoformat(),
            "consentAt": "2026-06-02T09:00:00Z",
        } | changes
        path = changes.pop("path", f"/api/events/appointment_{kind}")
        return shop.post(path, json={k: v for k, v in body.items() if v is not None})

    return post


@pytest.fixture
def waiting(rows):
    """Return when the reminders that wait are due, and what they say."""

    def found():
        waits = [
            row
            for row in rows.all(Delivery)
            if row.kind == REMINDER and row.state == DeliveryState.PENDING
        ]
        return sorted((row.due_at, row.body) for row in waits)

    return found


def times(found):
    return [at for at, _ in found]


def state_of(rows, answer):
    (row,) = [row for row in rows.all(Delivery) if str(row.id) == answer.json["deliveryId"]]
    return row.state, row.reason


def test_a_booking_is_confirmed_and_its_reminders_are_planned(tells, twilio, waiting, rows):
    answer = tells("booked", place="5 Hill Street")
    assert (answer.status_code, answer.json["status"]) == (202, "sent")
    assert answer.json["reminders"] == [
        {"before": "P1D", "sendAt": (NOON - DAY).isoformat()},
        {"before": "PT2H", "sendAt": (NOON - 2 * HOUR).isoformat()},
    ]
    assert len(twilio.calls) == 1
    assert "booked" in twilio.calls[0]["body"]
    assert times(waiting()) == [NOON - DAY, NOON - 2 * HOUR]
    assert all("Reply C to confirm." in words for _, words in waiting())
    first, second = sorted(
        (row for row in rows.all(Delivery) if row.kind == REMINDER), key=lambda row: row.due_at
    )
    assert (first.expires_at, second.expires_at) == (NOON - 2 * HOUR, NOON)
    assert {row.subject for row in rows.all(Delivery)} == {"A-7"}


def test_told_twice_it_is_planned_once(tells, waiting, twilio):
    tells("booked", eventId="visit-1-booked")
    again = tells("booked", eventId="visit-1-booked")
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    assert len(waiting()) == 2
    assert len(twilio.calls) == 1
    other = tells("booked", eventId="visit-1-booked", starts_at=NOON + HOUR)
    assert other.json["error"] == "event_id_reused"
    assert times(waiting()) == [NOON - DAY, NOON - 2 * HOUR]


def test_a_reminder_leaves_when_it_is_due(app, tells, twilio):
    tells("booked")
    make_due(app)
    with settings_of(app, QUIET_HOURS="none"):
        run_worker(app)
    assert ["You have an appointment" in call["body"] for call in twilio.calls[1:]] == [True, True]


def test_it_is_reminded_of_as_its_event_says(tells, waiting):
    answer = tells("booked", remindBefore=["P1W", "P20D"])
    assert answer.json["reminders"][1] == {"before": "P20D", "leftOut": "Its time has passed."}
    assert times(waiting()) == [NOON - 7 * DAY]


def test_a_language_may_be_named_at_length(tells, waiting):
    tag = "de-AT-x-" + "-".join(["hillstre"] * 9)
    assert tells("booked", locale=tag, remindBefore=["P1D"]).status_code == 202
    assert "Termin" in waiting()[0][1]


def test_nobody_is_reminded_who_does_not_want_it(tells, waiting):
    assert tells("booked", remindBefore=[]).json["reminders"] == []
    assert waiting() == []


def test_a_shop_may_only_remind(app, tells, twilio, waiting, rows):
    with settings_of(app, CONFIRM_APPOINTMENTS="false", REMINDERS="PT3H", SHOP_NAME="Rosa"):
        answer = tells("booked")
    assert (answer.status_code, answer.json["status"]) == (202, "canceled")
    assert rows.one(AppointmentEvent)
    assert twilio.calls == []
    ((at, words),) = waiting()
    assert at == NOON - 3 * HOUR
    assert words.endswith("Reply C to confirm. Reply STOP to stop.")  # the first that they get


def test_the_first_text_says_how_to_stop_whatever_is_planned(app, tells, twilio, waiting):
    with settings_of(app, CONFIRM_APPOINTMENTS="false", SHOP_NAME="Rosa"):
        tells("booked")
        tells("moved", NOON + DAY)
    assert twilio.calls[0]["body"].endswith("Reply STOP to stop.")
    assert not any("STOP" in words for _, words in waiting())


def test_a_move_replaces_what_is_planned(tells, waiting, rows, twilio):
    tells("booked", place="5 Hill Street")
    moved = tells("moved", NOON + 3 * DAY)
    assert moved.json["status"] == "sent"
    assert times(waiting()) == [NOON + 2 * DAY, NOON + 3 * DAY - 2 * HOUR]
    assert all("5 Hill Street" in words for _, words in waiting())
    states = [(row.state, row.reason) for row in rows.all(Delivery) if row.kind == REMINDER]
    assert states.count(CANCELED_STATE) == 2


def test_what_a_later_event_leaves_out_its_text_says_as_before(tells, twilio):
    tells("booked", timeZone="Europe/Berlin", locale="de", remindBefore=[])
    tells("moved", NOON + DAY)
    tells("canceled", starts_at=None)
    moved, canceled = [call["body"] for call in twilio.calls[1:]]
    assert moved.startswith("Ihr Termin ist jetzt")
    assert all(
        "18:00 GMT+01:00" in words or "19:00 GMT+02:00" in words for words in (moved, canceled)
    )
    tells("canceled", starts_at=None, appointmentId="A-8")
    assert twilio.calls[-1]["body"] == "Your appointment is canceled."


def test_a_move_of_what_was_never_booked_is_a_booking(tells, waiting):
    assert tells("moved").json["status"] == "sent"
    assert times(waiting()) == [NOON - DAY, NOON - 2 * HOUR]


def test_a_reminder_that_was_leaving_during_a_move_is_not_tried_again(app, tells, twilio, rows):
    tells("booked", remindBefore=["P1D"])
    make_due(app)

    def moved_meanwhile():
        tells("moved", NOON + 3 * DAY, remindBefore=[])
        return Refused(429, 20429, None)

    twilio.answers.append(moved_meanwhile)
    with settings_of(app, QUIET_HOURS="none"):
        run_until_settled(app)
    said = [call["body"] for call in twilio.calls]
    assert ["You have an appointment" in words for words in said] == [False, True, False]
    (reminder,) = [row for row in rows.all(Delivery) if row.kind == REMINDER]
    assert reminder.state == DeliveryState.EXPIRED


def test_no_text_about_an_appointment_leaves_after_it_began(tells, rows):
    tells("booked", NOW + HOUR, appointmentId="A-1", remindBefore=[])
    tells("booked", NOW + 2 * HOUR, sendAt=(NOW + HOUR).isoformat(), remindBefore=[])
    ends = sorted(row.expires_at for row in rows.all(Delivery))
    second = timedelta(seconds=1)
    assert all(abs(end - NOW - hours * HOUR) < second for hours, end in enumerate(ends, 1))


def test_an_old_event_told_again_is_not_sent_again(app, tells, twilio, rows):
    twilio.rejects(20429, 429)
    old = {"eventId": "visit-moved-1", "remindBefore": []}
    tells("moved", **old)
    change(app, Delivery, state="failed", reason="attempts_spent", due_at=None)
    tells("moved", NOON + DAY, remindBefore=[])
    again = tells("moved", **old)
    assert (again.status_code, again.json["status"]) == (200, "canceled")
    assert state_of(rows, again) == CANCELED_STATE
    run_until_settled(app)
    assert len(twilio.calls) == 2


def test_a_cancellation_cancels_all_that_waits(tells, waiting, rows, twilio):
    booked = tells("booked", sendAt=(NOW + DAY).isoformat())
    assert booked.json["status"] == "pending"
    canceled = tells("canceled")
    assert canceled.json["status"] == "sent"
    assert "is canceled" in twilio.calls[0]["body"]
    assert waiting() == []
    assert state_of(rows, booked) == CANCELED_STATE


def test_a_booking_that_is_late_brings_nothing_back(tells, waiting, twilio, rows):
    tells("canceled")
    late = tells("booked")
    assert state_of(rows, late) == CANCELED_STATE
    assert (late.status_code, late.json["status"]) == (202, "canceled")
    assert waiting() == []
    assert len(twilio.calls) == 1


def test_one_that_happened_later_does(tells, waiting, twilio):
    tells("canceled", eventAt=(NOW - 2 * HOUR).isoformat())
    assert tells("booked", eventAt=(NOW - HOUR).isoformat()).json["status"] == "sent"
    assert len(waiting()) == 2
    assert tells("moved", eventAt=(NOW - 3 * HOUR).isoformat()).json["status"] == "canceled"
    assert times(waiting()) == [NOON - DAY, NOON - 2 * HOUR]


EVENTS = {
    "booked": {"starts_at": NOON, "place": "5 Hill Street", "remindBefore": ["P3D", "P1D"]},
    "moved": {"starts_at": NOON + DAY, "timeZone": "Europe/Berlin"},
    "canceled": {"starts_at": NOON + DAY},
}


@pytest.mark.parametrize("told", [*permutations(["booked", "moved"]), *permutations(EVENTS)])
def test_what_is_planned_is_the_same_in_whichever_order_we_are_told(tells, waiting, told):
    for kind in told:
        tells(kind, **EVENTS[kind])
    if "canceled" in told:
        assert waiting() == []
        return
    assert times(waiting()) == [NOON - 2 * DAY, NOON]
    assert all("5 Hill Street" in words for _, words in waiting())
    assert all("18:00 GMT+01:00" in words or "19:00 GMT+02:00" in words for _, words in waiting())


def told_at(hours, kind, **said):
    fields = dict.fromkeys(("starts_at", "utc_offset", "time_zone", "place", "remind_before"))
    return SimpleNamespace(
        **fields
        | {"locale": None, "confirmed_at": None, "event_at": NOW + hours * HOUR, "kind": kind}
        | said
    )


@given(
    st.lists(
        st.tuples(st.sampled_from([BOOKED, MOVED, CANCELED]), st.none() | st.integers(1, 9)),
        min_size=1,
        max_size=6,
    ).flatmap(lambda events: st.tuples(st.just(events), st.permutations(range(len(events)))))
)
def test_how_it_stands_follows_from_what_happened_and_not_from_what_came_in_when(case):
    events, order = case
    in_order = [
        told_at(hour, kind, place=place and str(place), created_at=NOW)
        for hour, (kind, place) in enumerate(events)
    ]
    arrived = [in_order[n] for n in order]
    for minute, event in enumerate(arrived):
        event.created_at = NOW + timedelta(minutes=minute)
    found = standing(arrived)
    assert found.latest is in_order[-1]
    assert found.is_canceled == (events[-1][0] == CANCELED)
    places = [str(place) for _, place in events if place]
    assert found.place == (places[-1] if places else None)


def test_whose_consent_nobody_knows_is_not_reminded(tells, waiting):
    assert tells("booked", consentAt=None).json["error"] == "no_consent"
    assert waiting() == []
    assert tells("booked").json["status"] == "sent"
    assert len(waiting()) == 2


def test_a_stop_stops_the_reminders(app, tells, waiting):
    tells("booked")
    opt_out(app, ALICE)
    assert waiting() == []
    assert tells("moved").json["error"] == "opted_out"
    assert waiting() == []


def test_a_dry_run_tells_the_plan_and_writes_nothing(tells, rows):
    answer = tells("booked", path="/api/events/appointment_booked?dryRun=true")
    assert answer.json["wouldSend"] is True
    assert [each["before"] for each in answer.json["reminders"]] == ["P1D", "PT2H"]
    assert [rows.all(table) for table in (Delivery, AppointmentEvent)] == [[], []]


def test_two_people_with_one_appointment_are_two(tells, waiting):
    tells("booked")
    tells("booked", phone=BOB)
    tells("canceled", phone=BOB)
    assert len(waiting()) == 2


def test_what_is_told_of_an_appointment_shows(shop, tells):
    delivery_id = tells("booked", timeZone="Europe/Berlin").json["deliveryId"]
    shown = shop.get(f"/api/deliveries/{delivery_id}").json["appointment"]
    assert datetime.fromisoformat(shown.pop("startsAt")) == NOON
    assert shown == {
        "timeZone": "Europe/Berlin",
        "place": None,
        "isCanceled": False,
        "confirmedAt": None,
    }


class TestConfirming:
    def test_c_confirms_once_with_a_short_reply_and_nobody_is_asked_again(
        self, app, shop, tells, twilio, waiting
    ):
        delivery_id = tells("booked", place="5 Hill Street").json["deliveryId"]
        text_in(app, sid(901), ALICE, "c")
        run_worker(app)
        assert twilio.calls[-1]["body"].startswith("Thank you. Your appointment on ")
        assert len(twilio.calls) == 2
        assert all("5 Hill Street." in words for _, words in waiting())
        assert not any("Reply C" in words for _, words in waiting())
        shown = shop.get(f"/api/deliveries/{delivery_id}").json["appointment"]
        assert shown["confirmedAt"]
        text_in(app, sid(901), ALICE, "c")  # the same text once more
        text_in(app, sid(902), ALICE, "Confirm!")
        run_worker(app)
        assert len(twilio.calls) == 2

    def test_of_several_the_soonest(self, app, tells, rows):
        tells("booked", NOON + 9 * DAY, appointmentId="A-9")
        tells("booked", NOON, appointmentId="A-8")
        tells("booked", NOW + HOUR, appointmentId="A-1", sendAt=(NOW + HOUR / 2).isoformat())
        text_in(app, sid(901), ALICE, "CONFIRM")
        confirmed = [row.starts_at for row in rows.all(AppointmentEvent) if row.confirmed_at]
        assert confirmed == [NOON]  # of A-1 they have not heard yet

    def test_one_that_twilio_never_posted_is_about_what_it_was_about_then(
        self, app, tells, twilio, rows
    ):
        tells("booked", NOON, appointmentId="A-1")
        tells("booked", NOON + DAY, appointmentId="A-2")

        def found(number, said_at):
            with app.app_context():
                text = Text(sid(number), ALICE, "C", None)
                return receive(text, Missed(said_at, datetime.now(UTC), is_undone=False))

        found(901, NOW - HOUR)  # before any of it was told
        before = datetime.now(UTC)
        tells("canceled", appointmentId="A-1")
        found(902, before)  # of A-1 is meant, and that is off
        assert not any(row.confirmed_at for row in rows.all(AppointmentEvent))
        found(903, datetime.now(UTC))
        assert [row.starts_at for row in rows.all(AppointmentEvent) if row.confirmed_at] == [
            NOON + DAY
        ]
        run_worker(app)
        assert len(twilio.calls) == 3  # and nobody is answered so late

    def test_a_time_that_they_have_not_heard_of_is_not(self, app, tells, waiting, rows):
        tells("booked")
        tells("moved", NOON + 2 * DAY, sendAt=(NOW + DAY).isoformat())
        text_in(app, sid(901), ALICE, "C")
        assert not any(row.confirmed_at for row in rows.all(AppointmentEvent))
        make_due(app)
        run_worker(app)
        text_in(app, sid(902), ALICE, "C")
        (confirmed,) = [row for row in rows.all(AppointmentEvent) if row.confirmed_at]
        assert confirmed.starts_at == NOON + 2 * DAY

    def test_a_process_whose_clock_is_ahead_takes_it_too(self, app, tells, waiting, monkeypatch):
        tells("booked")
        late = SimpleNamespace(now=lambda: NOON + DAY)
        monkeypatch.setattr(appointment_fields, "clock", late)
        text_in(app, sid(901), ALICE, "C")
        assert [words.endswith("12:00.") for _, words in waiting()] == [True, True]

    def test_what_was_moved_since_is_to_be_confirmed_anew(self, app, tells, waiting):
        tells("booked")
        text_in(app, sid(901), ALICE, "C")
        tells("moved", NOON + DAY)
        assert all("Reply C" in words for _, words in waiting())

    def test_what_is_over_or_canceled_or_another_persons_is_not(self, app, tells, twilio, rows):
        tells("booked")
        tells("canceled")
        tells("booked", phone=BOB)
        text_in(app, sid(901), ALICE, "C")
        assert not any(row.confirmed_at for row in rows.all(AppointmentEvent))
        run_worker(app)
        assert len(twilio.calls) == 3

    @pytest.mark.parametrize("body", ["see you", "C'est bon", "confirm what?", ""])
    def test_what_is_no_answer_confirms_nothing(self, app, tells, rows, body):
        tells("booked")
        text_in(app, sid(901), ALICE, body)
        assert rows.one(AppointmentEvent).confirmed_at is None
