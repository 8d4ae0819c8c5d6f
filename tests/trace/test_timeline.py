"""The timeline says all that happened to a text, in order and in words."""

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from smsapp.delivery import receipt_rows, stopping
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.extensions import db
from smsapp.models import (
    Attempt,
    Delivery,
    DeliveryState,
    OptOutSource,
    Receipt,
    RejectedReceipt,
)
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.trace import status_text, timeline, timeline_text
from tests.conftest import (
    ALICE,
    BOB,
    change,
    command,
    make_due,
    opt_out,
    report,
    run_worker,
    settings_of,
    sid,
    text_in,
)
from tests.delivery.test_reconcile import look
from tests.web import signing


def told(app, delivery_id):
    """Return (source, status, why ignored) of each step, and its words."""
    with app.app_context():
        trace = timeline.of_delivery(delivery_id)
    assert [step.at for step in trace.steps] == sorted(step.at for step in trace.steps)
    return [(step.source, step.status, step.ignored) for step in trace.steps], [
        timeline_text.of_step(step) for step in trace.steps
    ]


def explained(app, delivery_id):
    with app.app_context():
        return status_text.of_delivery(timeline.of_delivery(delivery_id))


def test_a_delivered_text_has_every_step(app, shop, twilio, rows):
    shop.ships()
    report(app, rows.attempts[0].id, sid(1), "sent")
    report(app, rows.attempts[0].id, sid(1), "delivered")
    steps, words = told(app, rows.delivery.id)
    assert steps == [
        ("api", "accepted", None),
        ("smsapp", "permitted", None),
        ("request", "sending", None),
        ("twilio", "accepted", None),
        ("receipt", "sent", None),
        ("receipt", "delivered", None),
    ]
    assert words[1].startswith(
        "Permission was asked: yes, by row 1 of the number's consent ledger, told by a service"
    )
    assert words[-1] == "Receipt: it arrived."


def test_repeated_and_late_receipts_show_with_the_reason_why_they_moved_nothing(
    app, shop, twilio, rows
):
    shop.ships()
    for status in ("delivered", "delivered", "sent", "sent"):
        report(app, rows.attempts[0].id, sid(1), status)
    steps, words = told(app, rows.delivery.id)
    assert steps[-4:] == [
        ("receipt", "delivered", None),
        ("receipt", "delivered", "repeated"),
        ("receipt", "sent", "late"),
        ("receipt", "sent", "repeated"),
    ]
    assert "The same receipt had come before" in words[-1]
    assert "It came late" in words[-2]
    assert len(rows.all(Receipt)) == 2


def test_copies_in_one_commit_are_repeats_too(app, shop, twilio, rows):
    shop.ships()
    attempt = rows.attempts[0].id
    with app.app_context(), db.engine.begin() as conn:
        receipt_rows.record(conn, [IncomingReceipt(attempt, sid(1), "delivered", 0)] * 3)
    assert [row.why for row in rows.all(RejectedReceipt)] == ["repeated"] * 2


def test_receipts_in_good_order_write_nothing_more(app, shop, twilio, rows):
    shop.ships()
    for status in ("queued", "sent", "delivered", "read"):
        report(app, rows.attempts[0].id, sid(1), status)
    shown = [step for step in told(app, rows.delivery.id)[0] if step[2]]
    assert shown in ([], [("receipt", "queued", "late")])
    assert rows.all(RejectedReceipt) == []


def test_a_receipt_of_another_message_shows_as_ignored(app, shop, twilio, rows):
    shop.ships()
    report(app, rows.attempts[0].id, sid(7), "failed", 30005)
    steps, _ = told(app, rows.delivery.id)
    assert steps[-1] == ("receipt", "failed", "other_message")
    assert rows.delivery.state == "sent"


def test_a_receipt_that_names_nothing_of_ours_is_in_the_log_alone(app, shop, twilio, rows):
    report(app, uuid.uuid4(), sid(7), "failed", 30005)
    report(app, None, sid(7), "failed", 30005)
    assert rows.all(RejectedReceipt) == []


def test_a_receipt_of_another_account_shows_as_ignored(app, client, shop, twilio, rows):
    shop.ships()
    fields = signing.receipt(AccountSid="AC" + "9" * 32)
    query = f"attempt={rows.attempts[0].id}"
    assert signing.post(client, fields, query).status_code == 204
    assert signing.post(client, fields).status_code == 204
    assert told(app, rows.delivery.id)[0][-1] == ("receipt", "delivered", "other_account")
    assert len(rows.all(RejectedReceipt)) == 1
    assert rows.delivery.state == "sent"


def test_what_the_customer_did_later_is_in_it(app, shop, twilio, rows):
    shop.ships()
    text_in(app, sid(50), ALICE, "What is this?")
    text_in(app, sid(51), ALICE, "STOP")
    text_in(app, sid(52), ALICE, "START")
    text_in(app, sid(53), BOB, "STOP")
    steps, words = told(app, rows.delivery.id)
    assert [step[:2] for step in steps[4:]] == [
        ("customer", "text"),
        ("customer", "stop"),
        ("smsapp", "opted_out"),
        ("customer", "start"),
        ("smsapp", "opt_out_lifted"),
    ]
    assert "All texts to the number were stopped by a STOP in a text." in words
    answer = shop.get(f"/api/deliveries/{rows.delivery.id}")
    assert "What is this?" not in answer.text, "a text's words are for people alone"


def test_permission_rests_on_the_row_that_stood_then(app, shop, twilio, rows):
    """Rows written since then are no part of it: the ledger only grows."""
    shop.ships()
    with app.app_context():
        from smsapp.recipients import customers

        visitor = customers.Visitor(rows.delivery.phone_key, None)
        customers.withdraw(visitor, ["order_updates"])
        customers.agree(visitor, ["order_updates"])
    shop.ships("order-1002-shipped", orderId="1002")
    first, second = sorted(rows.all(timeline.Delivery), key=lambda row: row.id)
    for delivery, seq in ((first, 1), (second, 3)):
        found = shop.get(f"/api/deliveries/{delivery.id}").json["timeline"]
        assert [step["consent"] for step in found if step["status"] == "permitted"] == [seq]
    steps = [step[:2] for step in told(app, first.id)[0]]
    assert ("customer", "consent_withdrawn") in steps


def test_an_attempt_of_the_worker_asks_for_permission_again(app, shop, twilio, rows):
    twilio.rejects(20429, 429)
    shop.ships()
    make_due(app)
    run_worker(app)
    steps, _ = told(app, rows.delivery.id)
    assert [step[:2] for step in steps] == [
        ("api", "accepted"),
        ("smsapp", "permitted"),
        ("request", "sending"),
        ("twilio", "refused"),
        ("smsapp", "permitted"),
        ("worker", "sending"),
        ("twilio", "accepted"),
    ]


def test_what_was_refused_at_the_door_never_had_permission(app, shop, twilio, rows):
    opt_out(app, ALICE)
    shop.ships()
    steps, words = told(app, rows.delivery.id)
    assert [step[:2] for step in steps] == [("api", "accepted"), ("smsapp", "suppressed")]
    assert words[-1] == "It was not sent. The number has opted out of all texts."


@pytest.mark.parametrize(
    ("answer", "title", "cause", "step"),
    [
        (None, "Sent", "Twilio took it.", "Wait for the receipt."),
        (
            Refused(400, 21211, None),
            "Failed",
            "The recipient's phone number is not a valid one.",
            "Ask the customer for the right number.",
        ),
        (
            Refused(429, 20429, None),
            "Waiting to be sent",
            "Twilio was handling too many",
            "Wait: it is tried again by itself. It is due on",
        ),
        (
            Unwritten("connect"),
            "Waiting to be sent",
            "We could not reach Twilio.",
            "Wait: it is tried again by itself. It is due on",
        ),
        (
            Unknown("timeout", None, None),
            "Outcome not known",
            "Twilio gave no answer in time, so nobody can say yet",
            "Wait: a receipt tells, or Twilio's list of messages",
        ),
        (
            Unknown("reset", None, None),
            "Outcome not known",
            "The connection to Twilio was cut, so nobody can say yet",
            "Wait: a receipt tells, or Twilio's list of messages",
        ),
        (
            Refused(401, 20003, None),
            "Waiting to be sent",
            "Twilio refuses all our texts, so everything waits.",
            "",
        ),
        (
            Refused(400, 21610, None),
            "Not sent",
            "The recipient replied STOP to our number, so no text may reach them. We know it from "
            "Twilio since",
            "Respect it.",
        ),
    ],
)
def test_each_state_says_why_it_is_so_and_what_to_do(
    app, shop, twilio, rows, answer, title, cause, step
):
    twilio.answers += [answer] if answer else []
    shop.ships()
    found = explained(app, rows.delivery.id)
    assert found.title == title
    assert found.cause.startswith(cause)
    assert found.next_step.startswith(step)
    assert found.next_step.endswith(".")
    meaning = shop.get(f"/api/deliveries/{rows.delivery.id}").json["meaning"]
    assert meaning == {"title": title, "cause": found.cause, "nextStep": found.next_step}


def test_every_state_has_words(app, shop, twilio, rows):
    shop.ships()
    with app.app_context():
        trace = timeline.of_delivery(rows.delivery.id)
        for state in DeliveryState:
            trace.delivery.state = state
            found = status_text.of_delivery(trace)
            assert found.title
            assert found.cause.endswith(".")
            assert found.next_step.endswith(".")


def test_the_daily_limit_is_named(app, shop, twilio, rows):
    with settings_of(app, MAX_TEXTS_PER_NUMBER_PER_DAY="1"):
        shop.ships()
        shop.ships("order-1002-shipped", orderId="1002")
    waits = next(row for row in rows.all(timeline.Delivery) if row.state == "pending")
    assert waits.due_at - waits.created_at <= timedelta(days=1)
    assert "as many texts as it may get in a day" in explained(app, waits.id).cause


def test_a_pause_is_named(app, shop, twilio, rows):
    command(app, "sending", "pause")
    shop.ships()
    found = explained(app, rows.delivery.id)
    assert found.title == "Waiting to be sent"
    assert found.cause.startswith("An operator paused all texts on")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (OptOutSource.TEXT, "The customer texted STOP on"),
        (OptOutSource.PAGE, "The customer stopped all texts on the preferences page on"),
        (OptOutSource.OPERATOR, "An operator stopped all texts to the number on"),
        (OptOutSource.TWILIO, "Twilio refuses texts to the number. We know it from Twilio since"),
    ],
)
def test_who_stopped_the_texts_is_named(app, shop, rows, source, words):
    shop.ships()
    with app.app_context():
        stopping.stop(rows.delivery.phone_key, source)
    shop.ships("order-1002-shipped", orderId="1002")
    stopped = next(row for row in rows.all(timeline.Delivery) if row.order_id == "1002")
    assert explained(app, stopped.id).cause.startswith(words)


def test_a_text_that_twilio_never_had_is_not_called_unknown_any_more(app, shop, twilio, rows):
    twilio.answers.append(Unknown("server_error", 500, 20500))
    shop.ships()
    look(app)
    look(app, hours=1)
    steps, words = told(app, rows.delivery.id)
    assert ("twilio", "unknown") in [step[:2] for step in steps]
    assert "Twilio's list of messages was searched twice: Twilio never took it." in words
    found = explained(app, rows.delivery.id)
    assert found.title == "Waiting to be sent"
    assert "it never went out" in found.cause
    assert "is tried again" in found.next_step


def test_a_text_without_any_receipt_says_so_once_nobody_asks_any_more(app, shop, twilio, rows):
    shop.ships()
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(timeline.Delivery).values(check_at=None))
    found = explained(app, rows.delivery.id)
    assert found.title == "Sent"
    assert "no receipt came in a day" in found.cause
    assert found.next_step.startswith("Ask the customer whether it arrived")


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        ({"outcome": "refused"}, "It was canceled before it left."),
        ({"outcome": "unknown", "trouble": "absent"}, "It was canceled before it left."),
        ({"outcome": "unknown", "trouble": "timeout"}, "Nobody knew whether it had left before."),
        ({"outcome": "accepted", "sid": sid(1)}, "It had left before, and was canceled"),
    ],
)
def test_a_canceled_text_says_whether_it_had_left_before(app, shop, twilio, rows, attempt, words):
    shop.ships()
    change(app, Attempt, **{"sid": None, "trouble": None} | attempt)
    change(app, Delivery, state="canceled")
    assert words in explained(app, rows.delivery.id).cause
