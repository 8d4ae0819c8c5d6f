"""What a text could not bring arrives as a mail, over real SMTP, once for whoever gets it."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from smsapp import clock, languages
from smsapp.delivery import leases, reconcile, retry
from smsapp.delivery.channels import CHANNELS
from smsapp.events.kinds import KINDS
from smsapp.extensions import db
from smsapp.logs import JsonFormatter
from smsapp.models import BodyAtTwilio, Channel, Delivery, Phone, Sender
from smsapp.providers import mail
from smsapp.providers.channel import Outgoing
from smsapp.trace import search
from tests import mail_server
from tests.conftest import (
    ALICE,
    KEY,
    change,
    claim,
    erase,
    make_due,
    opt_out,
    report,
    run_until_settled,
    run_worker,
    settings_of,
    shipment,
    sid,
    text_in,
)

ANN = "ann@example.com"
LANDLINE = 21614


@pytest.fixture
def server(app):
    """The shop's mail server."""
    with mail_server.serving() as server:
        given = {"MAIL_URL": server.url, "MAIL_FROM": "Corner Books <orders@shop.example>"}
        with settings_of(app, RECONCILE_GRACE_SECONDS="1", **given):
            yield server


@pytest.fixture
def ships(shop, server, twilio):
    """Tell of a shipment to somebody with an address; the text cannot reach their landline."""

    def post(event_id="order-1001-shipped", **changes):
        twilio.rejects(LANDLINE)
        body = shipment(event_id, trackingUrl=None, **{"email": ANN} | changes)
        return shop.post("/api/events/order_shipped", json=body)

    return post


def message_ids(server):
    return [line for raw in server.mails for line in raw.split(b"\r\n") if b"Message-ID" in line]


def test_a_landlines_order_arrives_as_a_mail(app, shop, ships, server, rows):
    delivery_id = ships().json["deliveryId"]
    assert run_worker(app) == 1
    assert server.rcpts == [ANN]
    found = server.newest()
    assert found["Subject"] == "Your order 1001 has shipped."
    assert found["From"] == "Corner Books <orders@shop.example>"
    text, _ = found.iter_parts()
    assert "We could not reach your phone ending 23, so here it is by e-mail." in text.get_content()
    attempt = rows.attempts[-1]
    assert (rows.delivery.state, attempt.sid) == ("sent", f"EM{attempt.id.hex}")
    told = shop.get(f"/api/messages/{attempt.sid}").json
    assert (told["deliveryId"], told["channel"]) == (delivery_id, "email")
    assert ships().json == {
        "duplicate": True,
        "deliveryId": delivery_id,
        "sid": attempt.sid,
        "status": "sent",
    }


def told(shop, rows):
    """Return how a delivery stands, in words, and those of its steps about the mail server."""
    found = shop.get(f"/api/deliveries/{rows.delivery.id}").json
    steps = [step for step in found["timeline"] if step["attempt"] == len(rows.attempts)]
    return found["meaning"], [step["text"] for step in steps if step["status"] != "permitted"]


def test_what_became_of_a_mail_is_told_without_a_word_of_twilio(
    app, shop, ships, server, rows, monkeypatch
):
    ships()
    run_worker(app)
    now, steps = told(shop, rows)
    assert now["cause"].startswith("Our mail server took it.")
    assert steps[-2:] == ["We offered it to our mail server.", "Our mail server took it."]
    monkeypatch.setattr(mail, "CALL_SECONDS", 0.3)
    server.will("DATA", 2)
    change(app, Delivery, state="pending", due_at=clock.now() - timedelta(seconds=1))
    run_worker(app)
    now, steps = told(shop, rows)
    assert now["cause"] == (
        "The mail server gave no reply in time, so nobody can say yet whether the mail went out."
    )
    assert "same Message-ID" in now["nextStep"]
    assert steps[-1].startswith("Nobody can say whether the mail server took it")
    change(app, Delivery, state="pending", due_at=clock.now() - timedelta(seconds=1))
    server.will("EHLO", "cut")
    run_worker(app)
    now, steps = told(shop, rows)
    assert now["cause"] == "We could not reach our mail server."
    assert steps[-1] == "Our mail server could not be reached; nothing left."
    assert "Twilio" not in str(now) + str(steps)


def test_a_pasted_sid_or_message_id_leads_to_its_delivery(app, ships, server, rows):
    ships()
    run_worker(app)
    message_id = server.newest()["Message-ID"]
    for pasted in (rows.attempts[-1].sid, message_id, f"Message-ID: {message_id}"):
        with app.app_context():
            found = search.find(pasted, KINDS)
        assert found == search.Found(deliveries=(rows.delivery.id,)), pasted


def test_twilio_is_not_asked_to_blank_a_mail(app, ships, server, rows):
    ships()
    run_worker(app)
    with settings_of(app, BLANK_BODIES_AT_TWILIO="true"):
        erase(app)
    assert rows.all(BodyAtTwilio) == []


def test_its_one_click_ends_the_next(app, shop, ships, server, rows):
    ships()
    run_worker(app)
    url = server.newest()["List-Unsubscribe"].strip("<>")
    assert app.test_client().post(url).status_code == 200
    answer = ships("order-1002-shipped")
    assert (answer.status_code, answer.json["code"]) == (502, LANDLINE)
    assert len(server.mails) == 1


def test_a_mail_that_nothing_went_before_does_not_say_so(app, ships, server):
    assert ships(channels=["email"]).json["status"] == "sent"
    text, _ = server.newest().iter_parts()
    assert "could not reach" not in text.get_content()


def test_it_does_not_say_how_to_stop_texts_and_says_once_who_writes(app, ships, server, rows):
    with settings_of(app, SHOP_NAME="Corner Books", MAIL_URL=server.url, MAIL_FROM="a@b.example"):
        ships()
        assert rows.delivery.body.endswith(" has shipped. Reply STOP to stop.")
        run_worker(app)
    text, page = server.newest().iter_parts()
    words = "Corner Books: Your order 1001 has shipped.\r\n\r\nWe could not reach"
    assert text.get_content().startswith(words)
    assert "STOP" not in server.mails[0].decode()
    assert page.get_content().partition("<body")[2].count("Corner Books") == 1


def test_it_asks_for_no_reply_that_nobody_reads(app, server):
    asked = "Your appointment is tomorrow. Reply C to confirm. Reply STOP to stop."
    german = f"Ihr Termin ist morgen. {languages.of('de').gettext('Reply C to confirm.')}"
    for body, tag in ((asked, "en"), (german, "de")):
        said = Outgoing(
            id="0" * 32,
            delivery="0" * 32,
            to=ANN,
            title="Your appointment",
            body=body,
            language=languages.of(tag),
            callback="",
            valid_seconds=60,
        )
        with app.app_context():
            CHANNELS[Channel.EMAIL].send(said)
        text, _ = server.newest().iter_parts()
        assert text.get_content().strip() in {
            "Your appointment is tomorrow.",
            "Ihr Termin ist morgen.",
        }


def test_it_is_in_the_events_language(app, ships, server):
    ships(locale="de-AT")
    run_worker(app)
    assert server.newest()["Subject"] == "Ihre Bestellung 1001 ist unterwegs."
    text, _ = server.newest().iter_parts()
    assert "Wir konnten Ihr Telefon mit der Endung 23 nicht erreichen" in text.get_content()


def test_an_order_without_an_address_costs_no_statement_more(app, shop, server, twilio):
    seen = []

    def note(_conn, _cursor, statement, *_rest):
        seen.append(statement)

    def statements(number, **changes):
        seen.clear()
        shop.ships(f"order-{number}-shipped", **changes)
        return len(seen)

    with app.app_context():
        engine = db.engine
    shop.ships("order-1000-shipped")
    event.listen(engine, "before_cursor_execute", note)
    try:
        without, with_one = statements(1001), statements(1002, email=ANN)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert with_one == without + 1


def test_an_address_is_no_part_of_an_events_content(app, ships, server, rows):
    first = ships().json["deliveryId"]
    again = ships(email="other@example.com")
    assert (again.json["duplicate"], again.json["deliveryId"]) == (True, first)
    assert rows.one(Phone).email == ANN


@pytest.mark.parametrize("wrong", ["ann", "ann@localhost", f"{ANN}\r\nBcc: bob@example.com", 5, ""])
def test_what_is_no_address_is_refused_in_plain_words(ships, server, rows, wrong):
    answer = ships(email=wrong)
    assert answer.status_code == 400
    (said,) = answer.json["details"]["fieldErrors"]["email"]
    assert said in {"must be an e-mail address such as ann@example.com", "must be a string"}
    assert rows.all(Delivery) == []


def test_where_no_mails_are_sent_no_address_is_kept(shop, twilio, rows):
    assert shop.ships(email=ANN).status_code == 202
    assert rows.one(Phone).email is None


def test_no_address_is_ever_logged(app, ships, server, caplog):
    server.will("RCPT", "550 no such user")
    ships()
    run_worker(app)
    ships("order-1002-shipped", email="other@example.com")
    run_worker(app)
    ours = [record for record in caplog.records if record.name.startswith("smsapp")]
    logged = "".join(map(JsonFormatter().format, ours))
    assert '"channel":"email"' in logged
    assert "example.com" not in logged


def test_a_greylisting_server_is_asked_again_minutes_later(app, ships, server, rows):
    server.will("RCPT", "450 4.2.0 greylisted")
    ships()
    run_worker(app)
    assert (rows.delivery.state, server.mails) == ("pending", [])
    waits = rows.delivery.due_at - clock.now()
    assert timedelta(minutes=4) < waits < timedelta(minutes=6)
    make_due(app)
    assert run_worker(app) == 1
    assert rows.delivery.state == "sent"
    assert len(server.mails) == 1


def test_no_such_mailbox_is_final_and_says_what_to_do(app, shop, ships, server, rows):
    server.will("RCPT", "550 5.1.1 no such user")
    answer = ships()
    run_until_settled(app)
    assert (rows.delivery.state, rows.delivery.error_code) == ("failed", 550)
    told = shop.get(f"/api/deliveries/{answer.json['deliveryId']}").json
    assert "no such mailbox" in str(told)
    assert "Ask the customer for another address" in str(told)
    repeated = ships()
    assert (repeated.status_code, repeated.json["code"]) == (502, 550)
    assert server.mails == []


def test_a_wrong_password_holds_mails_and_no_texts(app, shop, ships, server, rows, twilio):
    server.will("MAIL", "530 sign in first")
    ships()
    run_worker(app)
    assert rows.delivery.state == "pending"
    assert shop.ships("order-1002-shipped", phone="+12025550199").status_code == 202
    assert len(twilio.calls) == 2
    assert {row.name for row in rows.all(Sender) if row.held_code} == {"e-mail"}
    change(app, Sender, probe_at=clock.now() - timedelta(seconds=1))
    make_due(app)
    assert run_worker(app) == 1
    assert len(server.mails) == 1


def looks(app, times=1):
    """Let the time come at which an unknown outcome is looked up."""
    for _ in range(times):
        change(app, Delivery, check_at=clock.now() - timedelta(seconds=1))
        with app.app_context():
            assert reconcile.run()


def grace_passes(app):
    change(app, Delivery, absent_since=clock.now() - timedelta(minutes=2))


def test_a_mail_that_got_no_reply_is_sent_once_more_as_the_same_mail(
    app, ships, server, rows, monkeypatch
):
    monkeypatch.setattr(mail, "CALL_SECONDS", 0.5)
    server.will("DATA", 5)
    ships()
    run_worker(app)
    assert rows.delivery.state == "unknown"
    assert run_worker(app) == 0
    looks(app)
    assert rows.delivery.state == "unknown"  # its server may still be at it
    grace_passes(app)
    looks(app)
    assert rows.delivery.state == "pending"
    assert run_worker(app) == 1
    assert rows.delivery.state == "sent"
    first, second = message_ids(server)
    assert first == second
    assert [attempt.outcome for attempt in rows.attempts] == ["refused", "unknown", "accepted"]


def test_one_that_never_gets_a_reply_ends(app, ships, server, rows, monkeypatch):
    monkeypatch.setattr(mail, "CALL_SECONDS", 0.2)
    server.will("DATA", *[2] * retry.MAX_TRIES)
    ships()
    for _ in range(retry.MAX_TRIES):
        make_due(app)
        assert run_worker(app) == 1
        looks(app)
        grace_passes(app)
        looks(app)
    assert (rows.delivery.state, rows.delivery.reason) == ("failed", "attempts_spent")
    assert len(set(message_ids(server))) == 1


def test_a_worker_that_dies_loses_no_mail(app, ships, server, rows):
    ships()
    assert len(claim(app)) == 1
    change(app, Delivery, lease_until=clock.now() - timedelta(seconds=1))
    with app.app_context(), db.engine.begin() as conn:
        assert leases.lapse(conn) == 1
    looks(app)
    grace_passes(app)
    looks(app)
    assert run_worker(app) == 1
    assert len(server.mails) == 1


def test_a_stop_before_it_leaves_keeps_it(app, ships, server, rows):
    ships()
    text_in(app, sid(4001), ALICE, "STOP")
    assert run_worker(app) == 0
    assert (rows.delivery.state, server.mails) == ("suppressed", [])


def test_an_erasure_before_it_leaves_keeps_it(app, ships, server, rows):
    ships()
    erase(app)
    assert run_worker(app) == 0
    assert server.mails == []
    assert rows.one(Phone).email is None


def test_a_stopped_number_gets_no_mail_about_anything(app, ships, server):
    opt_out(app, ALICE)
    assert ships().json["error"] == "opted_out"
    assert ships("order-1002-shipped", channels=["email"]).json["error"] == "opted_out"
    run_worker(app)
    assert server.mails == []


def test_a_text_that_arrives_after_all_stops_a_mail_that_has_not_left(
    app, shop, server, twilio, rows
):
    shop.ships(email=ANN)
    report(app, rows.attempts[0].id, sid(1), "undelivered", 30005)
    assert (rows.delivery.state, rows.delivery.channel) == ("pending", "email")
    report(app, rows.attempts[0].id, sid(1), "delivered")
    assert run_worker(app) == 0
    assert (rows.delivery.state, server.mails) == ("delivered", [])


def test_after_a_day_nobody_asks_about_a_mail_any_more(app, ships, server, rows):
    ships()
    run_worker(app)
    change(app, Delivery, check_at=clock.now() - timedelta(seconds=1))
    with app.app_context():
        assert reconcile.run()
    assert rows.delivery.state == "sent"
    assert rows.one(Phone).phone_key == KEY
