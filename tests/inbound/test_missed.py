"""Texts that were never posted to us: found in Twilio's list, and done what they ask for."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smsapp import worker
from smsapp.delivery import stopping
from smsapp.inbound import missed
from smsapp.models import Consent, Inbound, InboundList, InboundMedia, OptOut, OptOutSource, Phone
from smsapp.providers.media import Media
from smsapp.providers.messages import Listed
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.recipients import customers
from smsapp.recipients.customers import Visitor
from tests.conftest import ALICE, BOB, KEY, at_once, change, erase, settings_of, sid, text_in

NOW = datetime.now(UTC)


def came_in(number, body, minutes_ago, sender=ALICE):
    """A text as Twilio lists it."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes_ago)
    return Listed(sid(number), body, False, "received", 0, at, sender)


def posted(app, number, body, sender=ALICE, opt_out_type=None):
    text_in(app, sid(number), sender, body, opt_out_type)


def look(app, twilio, *listed):
    """Let a look be due, and do it."""
    twilio.listed = sorted(listed, key=lambda message: message.created_at, reverse=True)
    change(app, InboundList, look_at=InboundList.complete_until)
    return fetch(app)


def fetch(app, *ending):
    with app.app_context():
        return missed.fetch(*ending)


def is_stopped(rows):
    return any(row.lifted_at is None for row in rows.all(OptOut))


def test_a_missed_stop_stops_what_waits_and_what_comes(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    assert look(app, twilio, came_in(1, "Stop", 5), came_in(2, "Where is it?", 6, BOB)) == 2
    assert rows.delivery.state == "suppressed"
    assert shop.ships("order-1002-shipped").json["error"] == "opted_out"
    assert shop.ships("order-1003-shipped", phone=BOB).status_code == 202
    assert {row.sid: row.keyword for row in rows.all(Inbound)} == {sid(1): "stop", sid(2): None}


def test_a_worker_looks_before_it_sends_anything(app, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    twilio.listed = [came_in(1, "STOP", 5)]
    stop = worker.start(app.app_context)
    while rows.delivery.state == "pending":
        pass
    stop()
    assert rows.delivery.state == "suppressed"
    assert twilio.calls == []


def test_what_we_know_is_not_taken_again(app, twilio, rows):
    posted(app, 1, "STOP")
    posted(app, 2, "START")
    assert look(app, twilio, came_in(1, "STOP", 6), came_in(2, "START", 5)) == 0
    assert look(app, twilio, came_in(3, "STOP", 4)) == 1
    assert look(app, twilio, came_in(3, "STOP", 4)) == 0
    assert len(rows.all(Inbound)) == 3


def test_what_we_sent_is_not_taken_for_a_customers(app, twilio, rows):
    ours = Listed(sid(1), "STOP", True, "sent", 0, NOW - timedelta(minutes=5), ALICE)
    assert look(app, twilio, ours) == 0


@pytest.mark.parametrize("sender", [None, "", "12345", "whatsapp:US.13491208655302741918"])
def test_a_text_from_no_phone_number_is_kept_for_support(app, twilio, rows, sender):
    assert look(app, twilio, came_in(1, "STOP", 5, sender)) == 1
    assert look(app, twilio, came_in(1, "STOP", 5, sender)) == 0
    assert (rows.one(Inbound).keyword, rows.one(Phone).e164) == ("stop", None)


@pytest.mark.parametrize("sender", [f"rcs:{ALICE}", f"whatsapp:{ALICE}", "+112025550123"])
def test_a_missed_stop_counts_however_twilio_names_its_sender(app, twilio, rows, sender):
    stop, start = came_in(1, "STOP", 5, sender), came_in(2, "START", 6)
    assert look(app, twilio, stop, start) == 2
    assert is_stopped(rows)
    assert rows.one(Phone).e164 == ALICE


def test_a_missed_stop_does_not_undo_a_later_start_that_we_know(app, twilio, rows):
    posted(app, 2, "START")
    assert look(app, twilio, came_in(1, "STOP", 6), came_in(2, "START", 5)) == 1
    assert not is_stopped(rows)
    assert len(rows.all(Inbound)) == 2


def test_a_missed_stop_stops_although_an_earlier_start_was_posted_after_it(app, twilio, rows):
    """Only Twilio's list tells in which order they were sent."""
    posted(app, 1, "START")  # after several tries, just now
    look(app, twilio, came_in(1, "START", 6), came_in(2, "STOP", 5))
    assert is_stopped(rows)


@pytest.mark.parametrize("order", [["STOP", "START"], ["START", "STOP"], ["STOP"] * 2])
def test_of_several_missed_texts_the_last_one_counts(app, twilio, rows, order):
    texts = [came_in(n, word, 9 - n) for n, word in enumerate(order)]
    assert look(app, twilio, *texts) == 2
    assert is_stopped(rows) == (order[-1] == "STOP")
    assert [row.lifted_at for row in rows.all(OptOut)] == [None] * is_stopped(rows)


def test_within_one_second_stop_wins(app, twilio, rows):
    for first in (1, 2):
        at = came_in(0, "", 5)
        words = {first: "STOP", 3 - first: "START"}
        texts = [
            Listed(sid(n), words[n], False, "received", 0, at.created_at, ALICE) for n in (1, 2)
        ]
        look(app, twilio, *texts)
        assert is_stopped(rows)


def test_a_missed_stop_is_its_own_numbers(app, twilio, rows):
    posted(app, 2, "START", BOB)
    look(app, twilio, came_in(1, "STOP", 6), came_in(2, "START", 5, BOB))
    assert is_stopped(rows)


def test_a_missed_start_ends_an_earlier_stop_and_grants_nothing(app, shop, twilio, rows):
    posted(app, 1, "STOP")
    look(app, twilio, came_in(1, "STOP", 6), came_in(2, "START", 5))
    assert not is_stopped(rows)
    assert rows.all(Consent) == []
    assert shop.ships().status_code == 202


def test_a_missed_start_does_not_end_a_later_stop_by_text(app, twilio, rows):
    posted(app, 2, "ARRÊT", opt_out_type="STOP")  # the list does not say what it means
    look(app, twilio, came_in(1, "START", 6), came_in(2, "ARRÊT", 5))
    assert is_stopped(rows)


@pytest.mark.parametrize("source", [OptOutSource.PAGE, OptOutSource.OPERATOR, OptOutSource.TWILIO])
@pytest.mark.parametrize("later", [True, False])
def test_a_missed_start_ends_another_opt_out_only_if_it_came_later(
    app, shop, twilio, rows, source, later
):
    shop.ships()
    with app.app_context():
        stopping.stop(KEY, source)
    change(app, OptOut, created_at=datetime.now(UTC) - timedelta(minutes=5))
    look(app, twilio, came_in(1, "START", 4 if later else 6))
    assert is_stopped(rows) is not later


def test_a_consent_on_the_page_after_a_missed_stop_does_not_outweigh_it(app, shop, twilio, rows):
    """As if it had been posted in time: the carrier keeps it, and only a START ends it there."""
    shop.ships()
    with app.app_context():
        customers.agree(Visitor(KEY, verify_sid="VE" + "0" * 32), ["order_updates"])
    look(app, twilio, came_in(1, "STOP", 5))
    assert is_stopped(rows)
    assert shop.ships("order-1002-shipped").json["error"] == "opted_out"


@pytest.mark.parametrize(("first", "then"), [("STOP", "START"), ("START", "STOP")])
def test_what_is_posted_while_we_look_came_later(app, twilio, rows, first, then):
    """The list was fetched before; what it lacks must not be overrun by what it has."""
    listed = came_in(1, first, 5)

    def meanwhile(_number):
        posted(app, 2, then)
        return [listed]

    twilio.listed = meanwhile
    assert fetch(app) == 1
    assert is_stopped(rows) == (then == "STOP")


def test_what_has_only_just_come_in_is_left_to_be_posted(app, twilio, rows):
    assert look(app, twilio, came_in(1, "STOP", 0)) == 0
    assert look(app, twilio, came_in(1, "STOP", 2)) == 1


def test_a_post_that_alone_says_what_is_meant_is_obeyed_though_it_comes_second(app, twilio, rows):
    """With Advanced Opt-Out; the list has the words and not their meaning."""
    look(app, twilio, came_in(1, "ARRÊT", 5))
    assert not is_stopped(rows)
    posted(app, 1, "ARRÊT", opt_out_type="STOP")
    assert is_stopped(rows)
    assert rows.one(Inbound).keyword == "stop"


def test_the_words_of_somebody_erased_since_are_not_kept(app, shop, twilio, rows):
    shop.ships()
    erase(app)
    look(app, twilio, came_in(1, "I live at 7 Elm Street", 5), came_in(2, "STOP", 4))
    assert [row.body for row in rows.all(Inbound)] == ["", ""]
    assert is_stopped(rows)
    assert rows.one(Phone).e164 is None


def test_how_far_the_list_is_known_stands_in_the_database(app, twilio, rows):
    assert fetch(app) == 0
    assert fetch(app) is None  # not every time somebody asks
    change(
        app, InboundList, look_at=NOW - timedelta(days=3), complete_until=NOW - timedelta(days=2)
    )
    assert fetch(app) == 0
    sender = app.extensions["settings"].twilio_from_number
    assert [number for number, _ in twilio.asked] == [sender, sender]
    first, second = [since for _, since in twilio.asked]
    assert first < NOW - timedelta(days=6)
    assert second == NOW - timedelta(days=2) - missed.OVERLAP
    row = rows.one(InboundList)
    assert row.complete_until >= NOW
    assert row.look_at >= row.complete_until + missed.EVERY - timedelta(seconds=5)


@pytest.mark.parametrize(
    "failure", [Refused(401, 20003, None), Unwritten("connect"), Unknown("timeout", None, None)]
)
def test_a_look_that_fails_is_made_again_from_where_it_was(app, twilio, rows, failure):
    look(app, twilio)
    change(app, InboundList, complete_until=NOW - timedelta(days=2), look_at=NOW)
    twilio.listed = failure
    assert fetch(app) is None
    row = rows.one(InboundList)
    assert row.complete_until == NOW - timedelta(days=2)
    assert row.look_at <= datetime.now(UTC) + missed.AFTER_NO_ANSWER
    assert look(app, twilio, came_in(1, "STOP", 60)) == 1


def test_a_look_that_is_stopped_is_made_again_at_once(app, twilio, rows):
    ending = threading.Event()
    ending.set()
    twilio.listed = [came_in(1, "STOP", 5)]
    assert fetch(app, ending) == 0
    assert fetch(app) == 1


def test_of_many_workers_one_looks(app, twilio, rows):
    everybody = threading.Barrier(6)
    twilio.listed = [came_in(1, "STOP", 5)]

    def one():
        with app.app_context():
            everybody.wait()
            missed.fetch()

    at_once(*[one] * 6)
    assert len(twilio.asked) == 1
    assert is_stopped(rows)


def test_all_numbers_of_a_messaging_service_are_asked_for(app, twilio, rows):
    twilio.listed = lambda number: [came_in(1, "STOP", 6)] if number == "+15005550001" else []
    twilio.senders = ["+15005550001", "+15005550002", "12345"]
    with settings_of(app, TWILIO_MESSAGING_SERVICE_SID="MG" + "1" * 32), app.app_context():
        assert missed.fetch() == 1
    assert [number for number, _ in twilio.asked] == twilio.senders
    assert is_stopped(rows)


def test_many_numbers_are_asked_for_less_often(app, twilio, rows):
    twilio.senders = [f"+1500555{number:04}" for number in range(400)]
    with settings_of(app, TWILIO_MESSAGING_SERVICE_SID="MG" + "1" * 32), app.app_context():
        assert missed.fetch() == 0
    row = rows.one(InboundList)
    assert row.look_at - row.complete_until >= timedelta(hours=1)


def test_a_long_list_is_taken_whole(app, twilio, rows):
    """More than fit into one statement."""
    many = [came_in(n, f"text {n}", 5 + n / 100) for n in range(missed.MAX_SIDS + 1)]
    assert look(app, twilio, *many) == len(many)
    assert look(app, twilio, *many) == 0


@pytest.mark.parametrize("answer", [[Media("ME" + "1" * 32, "image/jpeg")], Unwritten("connect")])
def test_files_of_a_missed_text_are_listed_and_a_stop_does_not_wait_for_them(
    app, twilio, rows, monkeypatch, answer
):
    monkeypatch.setattr("smsapp.providers.media.of_message", lambda _sid: answer)
    listed = [replace(came_in(1, "My parcel", 5), media=1), came_in(2, "STOP", 4, BOB)]
    assert look(app, twilio, *listed) == 2
    body = next(row.body for row in rows.all(Inbound) if row.sid == sid(1))
    if isinstance(answer, list):
        assert (rows.one(InboundMedia).inbound_sid, body) == (sid(1), "My parcel")
    else:
        assert (rows.all(InboundMedia), body) == ([], "My parcel\n[Attached: a file]")
    assert is_stopped(rows)
