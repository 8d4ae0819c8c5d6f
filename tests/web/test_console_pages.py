"""The console finds a text, tells its story, and does what an operator asks, never silently."""

import logging
import re
import uuid
from html import unescape

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from smsapp.delivery import receipts
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.extensions import db
from smsapp.inbound import messages
from smsapp.models import AlarmKind, Audit, Delivery, DeliveryState, Inbound, OptOut, Phone
from smsapp.providers.outcomes import Unknown
from smsapp.recipients import customers
from smsapp.watch import alarms
from smsapp.watch.finding import Finding
from tests.conftest import (
    ALICE,
    BOB,
    KEY,
    change,
    erase,
    make_due,
    on_one_database,
    opt_out,
    report,
    run_until_settled,
    run_worker,
    settings_of,
    sid,
    text_in,
)
from tests.web.conftest import HTTPS

# What a page says does not hang on the database; what it asks of that is tried in its own tests.
pytestmark = on_one_database


def words(answer):
    """Return a page as it is read: no tags, one space between words."""
    assert answer.status_code == 200, answer.status_code
    main = answer.text.split("<main")[1]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", main)))


def page_of(delivery):
    return f"/console/deliveries/{delivery.id}"


def number_page(delivery):
    return f"/console/numbers/{delivery.phone_key}"


def says(person, path):
    return words(person.sees(path))


def does(person, path, **fields):
    """Post a form and return what the page says that follows."""
    answer = person.posts(path, **fields)
    assert answer.status_code == 303, answer.status_code
    return says(person, answer.headers["Location"])


def walk(person, way, pattern):
    """Follow a list's pages from the newest to the oldest; return what is found on them."""
    seen = []
    while way:
        page = person.sees(way).text
        seen += re.findall(pattern, page)
        older = re.search(r'class="button" href="([^"]+)"', page)
        way = older and unescape(older.group(1))
    return seen


def look_for(person, pasted):
    return person.posts("/console/search", q=pasted)


@pytest.mark.parametrize(
    "pasted",
    [sid(1), "“order-1001-shipped”", "Order 1001", f'"message_sid":"{sid(1)}",', "{delivery.id}"],
)
def test_every_key_leads_to_the_delivery(support, shop, twilio, rows, pasted):
    shop.ships()
    answer = look_for(support, pasted.format(delivery=rows.delivery))
    assert (answer.status_code, answer.headers["Location"]) == (303, page_of(rows.delivery))


def test_a_number_leads_to_its_page_and_stands_in_no_address(support, shop, twilio, rows):
    shop.ships()
    answer = look_for(support, "+1 (202) 555-0123")
    assert answer.headers["Location"] == number_page(rows.delivery)
    assert "555" not in answer.headers["Location"].replace(rows.delivery.phone_key, "")


def test_an_order_with_several_texts_leads_to_its_story(support, shop, twilio, rows):
    """In order; where it is long, the end of it comes first."""
    for number in range(30):
        shop.ships(f"event-{number}-of-1001", prefer="respond-async")
    shop.ships("event-of-another", orderId="1002", prefer="respond-async")
    answer = look_for(support, "1001")
    pattern = r'href="/console/deliveries/([0-9a-f-]{36})"'
    seen = walk(support, answer.headers["Location"], pattern)
    ours = sorted(str(row.id) for row in rows.all(Delivery) if row.order_id == "1001")
    assert seen == ours[5:] + ours[:5]


def test_what_may_be_two_things_is_asked(support, shop, twilio, rows):
    shop.ships(orderId="2025550123")
    seen = words(look_for(support, "2025550123"))
    assert "There are several" in seen
    assert "the number that ends in 0 1 2 3" in seen
    assert "order 2025550123" in seen


def test_what_is_not_found_says_what_that_means(support, twilio):
    seen = words(look_for(support, "order-9999"))
    assert "Nothing was found" in seen
    answer = look_for(support, "  ")
    assert answer.status_code == 400
    assert "Paste something to look for" in answer.text


def test_a_paste_is_shown_again_as_text_alone(support):
    page = look_for(support, "<script>alert(1)</script>\"'").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_deliverys_page_tells_its_whole_story(app, support, shop, twilio, rows):
    shop.ships()
    attempt = rows.attempts[0].id
    with app.app_context():
        for number, status, code in (
            (1, "undelivered", 30005),
            (1, "sent", 0),
            (7, "delivered", 0),
        ):
            receipts.handle(IncomingReceipt(attempt, sid(number), status, code))
        messages.receive(messages.Text(sid(50), ALICE, "Where is it?", None))
    seen = says(support, page_of(rows.delivery))
    for part in (
        "Order shipped, order 1001",
        "Not delivered",
        "The recipient's number does not exist or is no longer in use.",
        "What to do: Ask the customer for their current number.",
        "The event came in and was written down.",
        "Permission was asked: yes, by row 1 of the number's consent ledger",
        "We called Twilio.",
        "Twilio took it.",
        sid(1),
        "Receipt: it was not delivered.",
        "It came late: more was known already",
        "Ignored: it is about another message",
        sid(7),
        "Where is it?",
        "Your order 1001 has shipped.",
    ):
        assert part in seen, part
    assert ALICE not in support.sees(page_of(rows.delivery)).text


def test_what_a_service_had_kept_is_shown_as_text_alone(support, shop, twilio, rows):
    shop.ships(metadata={"cart": "<b>77</b>"})
    assert "Metadata cart <b>77</b>" in says(support, page_of(rows.delivery))
    assert "<b>77" not in support.sees(page_of(rows.delivery)).text
    shop.ships("order-1002-shipped", orderId="1002")
    plain = max(rows.all(Delivery), key=lambda row: row.id)
    assert "Metadata" not in says(support, page_of(plain))


def test_support_looks_and_does_not_act(app, support, shop, twilio, rows, caplog):
    shop.ships(prefer="respond-async")
    page = support.sees(page_of(rows.delivery)).text
    assert "Your role is support" in page
    for act in ("send-again", "cancel", "opt-out"):
        assert f"{page_of(rows.delivery)}/{act}" not in page
        answer = support.posts(f"{page_of(rows.delivery)}/{act}", seen="pending", twice="yes")
        assert answer.status_code == 403
        assert "Your role is support: you may look." in answer.text
    assert support.posts(f"{number_page(rows.delivery)}/opt-out").status_code == 403
    refused = support.sees("/console/audit")
    assert refused.status_code == 403
    assert "Your role is support: you may look." in refused.text
    assert "Audit trail" not in support.sees("/console/").text
    assert rows.delivery.state == "pending"
    assert rows.all(OptOut) == rows.all(Audit) == []
    assert "console act refused" in [record.msg for record in caplog.records]


@pytest.mark.parametrize("act", ["send-again", "cancel", "opt-out", "show-number"])
def test_an_act_takes_a_form_of_the_same_session(operator, shop, twilio, rows, act):
    shop.ships(prefer="respond-async")
    for fields in ({}, {"csrf_token": "a" * 64}):
        path = f"{page_of(rows.delivery)}/{act}"
        answer = operator.client.post(path, data={"why": "because"} | fields, base_url=HTTPS)
        assert answer.status_code == 400
        assert operator.sees(path).status_code == 405
    assert rows.delivery.state == "pending"
    assert rows.all(Audit) == []


def test_an_operator_cancels_what_waits_and_sends_it_again(app, operator, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    seen = does(operator, f"{page_of(rows.delivery)}/cancel")
    assert "It is canceled." in seen
    assert "An operator canceled it. By olga" in seen
    run_until_settled(app)
    assert twilio.calls == []
    assert "It cannot arrive twice: no attempt of it left Twilio." in seen
    seen = does(operator, f"{page_of(rows.delivery)}/send-again", seen="canceled")
    assert "It is waiting to be sent again." in seen
    run_until_settled(app)
    assert len(twilio.calls) == 1
    assert rows.delivery.state == "sent"
    assert [row.act for row in rows.all(Audit)] == ["canceled", "sent_again"]
    seen = says(operator, page_of(rows.delivery))
    assert "An operator had it sent again. By olga; it was canceled." in seen


def test_cancelling_too_late_is_answered_in_plain_words(app, operator, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    run_until_settled(app)
    seen = does(operator, f"{page_of(rows.delivery)}/cancel")
    assert "It was too late to cancel it: meanwhile its state is “Sent”." in seen
    assert rows.delivery.state == "sent"
    assert rows.all(Audit) == []


def test_sending_again_goes_by_the_state_that_was_seen(app, operator, shop, twilio, rows):
    """Two operators press at once, or a receipt came between: one text."""
    twilio.rejects(21614)
    shop.ships()
    does(operator, f"{page_of(rows.delivery)}/send-again", seen="failed")
    seen = does(operator, f"{page_of(rows.delivery)}/send-again", seen="failed")
    assert "Nothing was done, for it has changed meanwhile: it is “Waiting to be sent” now" in seen
    run_until_settled(app)
    assert len(twilio.calls) == 2
    assert len(rows.all(Audit)) == 1


@pytest.mark.parametrize("state", ["pending", "sending", "sent", "delivered", "read"])
def test_what_is_on_its_way_or_there_is_not_sent_again(app, operator, shop, twilio, rows, state):
    shop.ships(prefer="respond-async")
    due = rows.delivery.due_at
    lease = {"lease_token": uuid.uuid4(), "lease_until": due}
    with app.app_context(), db.engine.begin() as conn:
        values = {"state": state, "due_at": due if state == "pending" else None}
        conn.execute(update(Delivery).values(values | (lease if state == "sending" else {})))
    page = operator.sees(page_of(rows.delivery)).text
    assert "send-again" not in page
    does(operator, f"{page_of(rows.delivery)}/send-again", seen=state, twice="yes")
    assert rows.delivery.state == state
    assert rows.all(Audit) == []


@pytest.mark.parametrize(
    ("happens", "state"),
    [("unknown", "unknown"), ("undelivered", "undelivered"), ("failed", "failed")],
)
def test_what_may_arrive_twice_is_sent_again_only_where_that_is_accepted(
    app, operator, shop, twilio, rows, happens, state
):
    if happens == "unknown":
        twilio.answers.append(Unknown("timeout", None, None))
    shop.ships()
    if happens != "unknown":
        report(app, rows.attempts[0].id, sid(1), happens, 30005)
    path = f"{page_of(rows.delivery)}/send-again"
    twice = happens != "failed"  # what Twilio could not send has not arrived
    assert ("The customer may get it twice" in says(operator, page_of(rows.delivery))) is twice
    seen = does(operator, path, seen=state)
    if twice:
        assert "you have to tick that you accept it" in seen
        assert rows.delivery.state == state
        does(operator, path, seen=state, twice="yes")
    assert rows.delivery.state == "pending"
    run_until_settled(app)
    assert len(twilio.calls) == 2
    assert rows.delivery.state == "sent"
    assert rows.one(Audit).why == f"was {state}{', may arrive twice' if twice else ''}"


def test_a_receipt_of_the_first_attempt_stops_the_second(app, operator, shop, twilio, rows):
    twilio.answers.append(Unknown("timeout", None, None))
    shop.ships()
    does(operator, f"{page_of(rows.delivery)}/send-again", seen="unknown", twice="yes")
    report(app, rows.attempts[0].id, sid(1), "delivered", 0)
    run_until_settled(app)
    assert len(twilio.calls) == 1
    assert rows.delivery.state == "delivered"


def test_sending_again_overruns_no_stop(app, operator, shop, twilio, rows):
    opt_out(app, ALICE)
    shop.ships()
    seen = does(operator, f"{page_of(rows.delivery)}/send-again", seen="suppressed")
    assert "Nothing was sent. The number has opted out" in seen
    assert (rows.delivery.state, twilio.calls) == ("suppressed", [])
    text_in(app, sid(50), ALICE, "START")
    does(operator, f"{page_of(rows.delivery)}/send-again", seen="suppressed")
    run_until_settled(app)
    assert len(twilio.calls) == 1


def test_a_stop_after_sending_again_still_wins(app, operator, shop, twilio, rows):
    twilio.rejects(21614)
    shop.ships()
    does(operator, f"{page_of(rows.delivery)}/send-again", seen="failed")
    text_in(app, sid(50), ALICE, "STOP")
    run_until_settled(app)
    assert len(twilio.calls) == 1
    assert rows.delivery.state == "suppressed"


def test_an_erased_customer_gets_nothing_again(app, operator, shop, twilio, rows):
    twilio.rejects(21614)
    shop.ships()
    erase(app)
    seen = says(operator, page_of(rows.delivery))
    assert "the customer was erased, and the number with them" in seen
    assert "The words were blanked" in seen
    seen = does(operator, f"{page_of(rows.delivery)}/send-again", seen="failed", twice="yes")
    assert "the customer was erased, and the number with them" in seen
    assert rows.delivery.state == "failed"
    assert "A number that was erased" in says(operator, number_page(rows.delivery))


def test_to_a_number_that_opted_out_nothing_is_offered_to_be_sent_again(
    app, operator, shop, twilio, rows
):
    twilio.rejects(21610)
    shop.ships()
    page = operator.sees(page_of(rows.delivery)).text
    assert "It cannot be sent again: the number has opted out" in page
    assert "/send-again" not in page
    assert "<code>flask doctor</code>" in page
    assert "`" not in page


def test_a_forgotten_number_is_not_called_erased(app, operator, shop, twilio, rows):
    twilio.rejects(21614)
    shop.ships()
    long_ago = rows.delivery.created_at
    change(app, Phone, e164=None, forgotten_at=long_ago)
    seen = says(operator, page_of(rows.delivery))
    assert "nobody had used its number for so long that it was forgotten" in seen
    assert "A number that was forgotten" in seen
    assert "erased" not in seen


def test_a_text_says_when_an_alarm_concerns_more_than_itself(app, operator, shop, twilio, rows):
    twilio.rejects(20003, 401)
    shop.ships()
    with app.app_context():
        alarms.evaluate()
    seen = says(operator, page_of(rows.delivery))
    assert "Not this text alone: Twilio refuses our account or the sender" in seen


def test_an_alarm_about_another_country_is_not_shown_at_a_text(app, operator, shop, twilio, rows):
    twilio.rejects(21614)
    shop.ships()
    facts = {"rate": 0, "sample": 30, "minutes": 60, "codes": [(30007, 30)]}
    for country, shown in (("FR", False), ("US", True)):
        with app.app_context():
            alarms.write([Finding(AlarmKind.COUNTRY_RATE, country, facts)], [])
        seen = says(operator, page_of(rows.delivery))
        assert (f"Of 30 texts to {country} in 1 hour, none arrived." in seen) is shown


def test_it_expires_anew_from_when_it_is_sent_again(app, operator, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    change(app, Delivery, expires_at=Delivery.created_at)
    make_due(app)
    run_worker(app)
    assert rows.delivery.state == "expired"
    with settings_of(app, ORDER_SHIPPED_MAX_AGE_HOURS="2"):
        does(operator, f"{page_of(rows.delivery)}/send-again", seen="expired")
    delivery = rows.delivery
    assert (delivery.expires_at - delivery.state_at).total_seconds() == 7200
    run_until_settled(app)
    assert rows.delivery.state == "sent"


@pytest.mark.parametrize("page", [page_of, number_page])
def test_an_operator_stops_all_texts_to_a_number(app, operator, shop, twilio, rows, page):
    shop.ships(prefer="respond-async")
    seen = does(operator, f"{page(rows.delivery)}/opt-out")
    assert "All texts to the number are stopped." in seen
    assert rows.one(OptOut).source == "operator"
    assert (rows.delivery.state, rows.delivery.reason) == ("suppressed", "opted_out")
    audit = rows.one(Audit)
    assert (audit.act, audit.phone_key) == ("opted_out", rows.delivery.phone_key)
    assert f"{page(rows.delivery)}/opt-out" not in operator.sees(page(rows.delivery)).text


@pytest.mark.parametrize("page", [page_of, number_page])
def test_a_whole_number_is_shown_for_a_reason_that_is_written_down(
    support, shop, twilio, rows, page, caplog
):
    shop.ships()
    with caplog.at_level(logging.INFO):
        for why in ("", "   ", "asdf asdf"):
            seen = does(support, f"{page(rows.delivery)}/show-number", why=why)
            assert "Say why you need the number" in seen
        assert rows.all(Audit) == []
        why = f"calls her at {ALICE} about it"
        answer = support.posts(f"{page(rows.delivery)}/show-number", why=why)
    assert "+1 202-555-0123" in words(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    audit = rows.one(Audit)
    assert (audit.act, audit.why) == ("number_shown", "calls her at [number] about it")
    assert "202-555" not in support.sees(page(rows.delivery)).text, "once"
    assert "5550123" not in str([vars(record) for record in caplog.records])


def test_whole_numbers_are_shown_so_often_to_one_operator_and_no_more(
    support, operator, shop, twilio, rows, caplog
):
    shop.ships()
    pages = [page_of(rows.delivery), number_page(rows.delivery)]
    why = "the customer asked for a call"
    for number in range(20):
        seen = words(support.posts(f"{pages[number % 2]}/show-number", why=why))
        assert "+1 202-555-0123" in seen
    seen = does(support, f"{pages[0]}/show-number", why=why)
    assert "You have seen many whole numbers. You can see more in " in seen
    assert "202-555" not in seen
    assert len(rows.all(Audit)) == 20
    assert [r.operator for r in caplog.records if "too many whole" in r.msg] == ["sam"]
    assert "+1 202-555-0123" in words(operator.posts(f"{pages[0]}/show-number", why=why))


def test_the_audit_trail_says_who_did_what_and_why(operator, support, shop, twilio, rows):
    shop.ships(prefer="respond-async")
    support.posts(f"{page_of(rows.delivery)}/show-number", why="the customer asked for a call")
    operator.posts(f"{page_of(rows.delivery)}/cancel")
    seen = says(operator, "/console/audit")
    assert seen.index("olga canceled a text") < seen.index(
        "sam saw a whole number: the customer asked for a call"
    )


@pytest.mark.parametrize("change", ["UPDATE audit SET why = 'nothing'", "DELETE FROM audit"])
def test_the_audit_trail_only_grows(app, operator, shop, twilio, rows, change):
    shop.ships(prefer="respond-async")
    operator.posts(f"{page_of(rows.delivery)}/cancel")
    with (
        app.app_context(),
        pytest.raises(DBAPIError, match="append-only"),
        db.engine.begin() as conn,
    ):
        conn.execute(text(change))
    assert len(rows.all(Audit)) == 1


def test_a_numbers_page_has_consent_with_its_evidence_and_all_that_went_to_and_fro(
    app, support, shop, twilio, rows
):
    shop.ships()
    key = rows.delivery.phone_key
    with app.app_context():
        visitor = customers.Visitor(key, "VE" + "1" * 32, "192.0.2.7", "A browser/1.0")
        customers.agree(visitor, ["order_updates"])
        messages.receive(messages.Text(sid(50), ALICE, "Is it late?", None))
        messages.receive(messages.Text(sid(51), ALICE, "stop", None))
        messages.receive(messages.Text(sid(52), BOB, "not on this page", None))
    seen = says(support, number_page(rows.delivery))
    for part in (
        "Order updates No The number has opted out of all texts.",
        "Agreed to order updates , given by the customer on our page",
        "Agreed to order updates , told by a service of the shop",
        "I agree that this shop texts me about my orders",
        "from 192.0.2.7",
        "A browser/1.0",
        "Stopped by a STOP in a text",
        "In force",
        "Order shipped, order 1001 Sent",
        "Is it late?",
        "To read Nothing was done. It is for somebody to read.",
        "Stopped All texts to the number were stopped.",
    ):
        assert part in seen, part
    assert "not on this page" not in seen


def test_the_inbox_shows_what_people_sent_and_what_was_done(app, support):
    with app.app_context():
        told = ("Hello?", "Please don’t text me any more", "STOP", "START", "HELP")
        for number, body in enumerate(told):
            messages.receive(messages.Text(sid(50 + number), ALICE, body, None))
    seen = says(support, "/console/inbox")
    places = [
        seen.index(part)
        for part in (
            "Help Twilio answered",
            "Started The number may be texted again",
            "Stopped All texts",
            "Sounds like a stop Nothing was done.",
            "To read Nothing was done. It is for somebody to read.",
        )
    ]
    assert places == sorted(places)
    assert f'href="/console/numbers/{KEY}"' in support.sees("/console/inbox").text
    assert ALICE not in support.sees("/console/inbox").text


def test_a_text_from_no_phone_number_is_in_the_inbox(app, support):
    with app.app_context():
        messages.receive(messages.Text(sid(50), "messenger:1234567890123456", "Hello?", None))
    seen = says(support, "/console/inbox")
    assert "Somebody without a phone number" in seen
    assert "Hello?" in seen
    assert "1234567890123456" not in seen


@on_one_database
def test_a_picture_without_words_is_not_said_to_have_lost_them(app, support, now):
    with app.app_context():
        messages.receive(messages.Text(sid(50), ALICE, " ", None))
    paths = ("/console/inbox", f"/console/numbers/{KEY}")
    for path in paths:
        assert "It came without words: a picture, perhaps." in says(support, path)
        assert "blanked" not in says(support, path)
    change(app, Inbound, body="", blanked_at=now)
    for path in paths:
        assert "The words, if it had any, were blanked" in says(support, path)


def test_the_lists_page_by_key(app, support, shop, twilio):
    with app.app_context():
        for number in range(60):
            messages.receive(messages.Text(sid(100 + number), ALICE, f"text no. {number}.", None))
    for start in ("/console/inbox", look_for(support, ALICE).headers["Location"]):
        seen = walk(support, start, r"text no\. (\d+)\.")
        assert [int(number) for number in seen] == list(range(59, -1, -1))


@pytest.mark.parametrize(
    "path",
    [
        f"/console/deliveries/{uuid.UUID(int=1)}",
        f"/console/deliveries/{uuid.UUID(int=1)}/subject",
        "/console/numbers/" + "a" * 64,
        "/console/numbers/%00",
        "/console/numbers/x",
    ],
)
def test_what_is_not_there_is_404_in_the_consoles_frame(support, path):
    answer = support.sees(path)
    assert answer.status_code == 404
    assert "There is no such" in answer.text
    assert "Sign out" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=2026",
        "before=%00",
        "before=9e9",
        "before=",
        "before=99999999999999999999",
        "before=-1",
        "before=0001-01-01T00:00:00%2B14:00 SM1",
    ],
)
def test_an_odd_place_in_a_list_is_its_beginning(operator, shop, twilio, rows, query):
    shop.ships()
    for path in ("/console/inbox", "/console/audit", f"{page_of(rows.delivery)}/subject"):
        assert operator.sees(f"{path}?{query}").status_code == 200
    query = query.replace("before", "got") + "&sent=x&codes=y"
    assert operator.sees(f"{number_page(rows.delivery)}?{query}").status_code == 200


def test_no_number_reaches_a_log_or_an_address(app, operator, shop, twilio, rows, caplog):
    with caplog.at_level(logging.INFO):
        shop.ships(prefer="respond-async")
        text_in(app, sid(50), ALICE, "call +1 202 555 0123")
        way = look_for(operator, ALICE).headers["Location"]
        pages = [way, page_of(rows.delivery), "/console/inbox", "/console/audit"]
        operator.posts(f"{page_of(rows.delivery)}/show-number", why="to call the customer")
        operator.posts(f"{page_of(rows.delivery)}/cancel")
        addresses = [
            a
            for page in pages
            for a in re.findall(r'(?:href|action)="([^"]+)"', operator.sees(page).text)
        ]
    assert "2025550123" not in re.sub(
        r"\D", "", "".join(addresses).replace(rows.delivery.phone_key, "")
    )
    assert "5550123" not in str([vars(record) for record in caplog.records])
    assert {row.state for row in rows.all(Delivery)} == {DeliveryState.CANCELED}


MARK = '<span class="state test">Test</span>'


def test_what_a_test_key_sent_is_marked_and_found_beside_what_is_real(shop, tester, support):
    shop.ships("real-shipped")
    told = tester.ships("test-shipped").json
    found = support.posts("/console/search", q=ALICE).text
    assert len(re.findall(r'href="/console/numbers/\w{64}"', found)) == 2
    assert found.count(MARK) == 1
    page = f"/console/deliveries/{told['deliveryId']}"
    shown = support.sees(page).text
    assert "nothing of it left the app" in shown
    number = re.findall(r'href="(/console/numbers/\w{64})"', shown)[0]
    assert [support.sees(path).text.count(MARK) for path in (page, f"{page}/subject", number)] == [
        1,
        1,
        2,
    ]
