"""What happens reaches a caller's server: signed, in order, at least once, until it is taken."""

import threading
import time
import uuid
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from smsapp.delivery import canceling
from smsapp.extensions import database_now, db
from smsapp.models import Delivery, DisabledBecause, Phone, Webhook, WebhookEndpoint, WebhookState
from smsapp.webhooks import endpoints, outbox, sending
from tests.conftest import (
    ALICE,
    KEY,
    change,
    delivery_row,
    erase,
    on_one_database,
    report,
    settings_of,
    sid,
    text_in,
)
from tests.sinks import sinking, verified

DAY = timedelta(days=1)


@pytest.fixture
def happened(app, now):
    """Let so many deliveries be sent; return their ids."""

    def run(count=1):
        rows = [delivery_row(now, phone_key=KEY) for _ in range(count)]
        with app.app_context(), db.engine.begin() as conn:
            if not conn.scalar(select(func.count()).select_from(Phone)):
                phone = {"phone_key": KEY, "e164": ALICE, "country": "US", "created_at": now}
                conn.execute(insert(Phone).values(phone))
            conn.execute(insert(Delivery), rows)
        return [row["id"] for row in rows]

    return run


def test_a_text_is_told_from_its_leaving_to_its_arrival(
    app, shop, twilio, endpoint, sink, send, rows
):
    answer = shop.ships(metadata={"cart": "77"})
    report(app, rows.attempts[0].id, answer.json["sid"], "delivered")
    send()
    _, secret = endpoint
    assert sink.types == ["delivery.sent", "delivery.delivered"]
    told = verified(secret, sink.got[1])
    at = rows.delivery.state_at
    assert told == {
        "type": "delivery.delivered",
        "timestamp": at.isoformat(),
        "data": {
            "deliveryId": answer.json["deliveryId"],
            "kind": "order_shipped",
            "eventId": "order-1001-shipped",
            "subject": "1001",
            "phone": "+*******0123",
            "phoneKey": KEY,
            "test": False,
            "metadata": {"cart": "77"},
            "status": "delivered",
            "channel": "sms",
            "reason": None,
            "errorCode": None,
        },
    }
    assert ALICE.removeprefix("+") not in "".join(body for _, body in sink.got)
    assert {row.state for row in rows.all(Webhook)} == {WebhookState.TAKEN}


def test_what_a_test_key_sent_is_told_as_such(app, tester, endpoint, sink, send):
    tester.ships()
    send()
    told = verified(endpoint[1], sink.got[0])
    assert (told["type"], told["data"]["test"]) == ("delivery.sent", True)
    assert (told["data"]["channel"], told["data"]["phone"]) == ("test", "+*******0123")


def test_a_stop_is_told_with_what_it_does_to_what_waits(app, shop, twilio, endpoint, sink, send):
    shop.ships(prefer="respond-async")
    text_in(app, sid(7), ALICE, "STOP")
    text_in(app, sid(8), ALICE, "START")
    shop.ships("order-1002-shipped", prefer="respond-async")
    waiting = shop.ships("order-1003-shipped", prefer="respond-async").json["deliveryId"]
    with app.app_context():
        canceling.cancel(uuid.UUID(waiting), "shop")
    send()
    assert sorted(sink.types) == [
        "delivery.canceled",
        "delivery.suppressed",
        "message.received",
        "message.received",
        "recipient.opted_in",
        "recipient.opted_out",
    ]
    by_type = {told["type"]: told["data"] for told in sink.told}
    assert by_type["delivery.suppressed"]["reason"] == "opted_out"
    stop = {"phone": "+*******0123", "phoneKey": KEY, "test": False, "source": "text"}
    assert by_type["recipient.opted_out"] == stop


@pytest.mark.parametrize("wants_bodies", [True, False])
def test_words_are_told_only_to_who_asks_for_them(app, make_endpoint, sink, send, wants_bodies):
    make_endpoint(sink.url, types=["message.received"], wants_bodies=wants_bodies)
    text_in(app, sid(7), ALICE, "When does it come?")
    send()
    (told,) = sink.told
    words = {"body": "When does it come?"} if wants_bodies else {}
    assert told["data"] == words | {
        "phone": "+*******0123",
        "phoneKey": KEY,
        "test": False,
        "messageSid": sid(7),
        "channel": "sms",
        "keyword": None,
    }


def test_who_was_erased_meanwhile_is_told_of_without_what_was(
    app, shop, twilio, endpoint, sink, send
):
    shop.ships(metadata={"name": "Alice"})
    erase(app)
    send()
    sent = next(told["data"] for told in sink.told if told["type"] == "delivery.sent")
    assert (sent["phone"], sent["metadata"]) == (None, {})


def test_what_is_not_taken_is_sent_again_under_the_same_id(
    endpoint, sink, send, later, happened, rows
):
    happened()
    sink.statuses = [500, 302]
    send()
    send()  # not before its time
    later()
    send()
    assert rows.one(Webhook).trouble == "http_302"
    later()
    send()
    ids = {headers["webhook-id"] for headers, _ in sink.got}
    bodies = {body for _, body in sink.got}
    assert (len(sink.got), len(ids), len(bodies)) == (3, 1, 1)
    assert ids == {sending.message_id(rows.one(Webhook).message_id)}
    assert (rows.one(Webhook).state, rows.one(Webhook).tries) == (WebhookState.TAKEN, 3)
    assert rows.one(WebhookEndpoint).failing_since is None


def test_after_three_days_it_is_dead_and_can_be_replayed(
    app, endpoint, sink, send, later, happened, rows
):
    happened()
    sink.statuses = [500] * 3
    send()
    later(by=3 * DAY)
    change(app, WebhookEndpoint, failing_since=None)
    send()
    assert (rows.one(Webhook).state, rows.one(Webhook).due_at) == (WebhookState.DEAD, None)
    send()
    assert len(sink.got) == 2
    with app.app_context():
        assert endpoints.replay(endpoint[0], until=rows.one(Webhook).occurred_at) == 0
        assert endpoints.replay(endpoint[0], since=rows.one(Webhook).occurred_at) == 1
    send()
    assert rows.one(Webhook).state is WebhookState.PENDING  # three days begin anew
    later()
    send()
    assert rows.one(Webhook).state is WebhookState.TAKEN
    with app.app_context():
        assert endpoints.replay(endpoint[0]) == 0
        assert endpoints.replay(endpoint[0], message_id=rows.one(Webhook).message_id) == 1
    send()
    assert len({headers["webhook-id"] for headers, _ in sink.got}) == 1


def test_an_endpoint_that_takes_nothing_for_a_day_is_disabled(
    app, endpoint, sink, send, later, happened, rows
):
    happened()
    sink.statuses = [500] * 2
    send()
    assert rows.one(WebhookEndpoint).disabled_at is None
    later(by=DAY)
    send()
    assert rows.one(WebhookEndpoint).disabled_because is DisabledBecause.FAILING
    happened()
    later()
    send()
    assert (len(sink.got), len(rows.all(Webhook))) == (2, 1)  # nothing more is kept or sent
    with app.app_context():
        endpoints.enable(endpoint[0])
    send()
    assert rows.one(Webhook).state is WebhookState.TAKEN


def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once(
    app, endpoint, sink, send, later, happened, rows
):
    happened(2)
    sink.statuses = [410, 204]
    send()
    assert rows.one(WebhookEndpoint).disabled_at is None  # one of its servers is, another is not
    sink.statuses = [410]
    later()
    send()
    assert rows.one(WebhookEndpoint).disabled_because is DisabledBecause.FAILING
    with app.app_context():
        endpoints.enable(endpoint[0])
    later()
    send()
    assert {row.state for row in rows.all(Webhook)} == {WebhookState.TAKEN}


def test_workers_that_settle_for_the_same_endpoints_do_not_wait_for_each_other(
    app, make_endpoint, sink, happened
):
    """Each of two workers finds one endpoint working and the other not, the other way round."""
    of = sorted(make_endpoint(sink.url, name)[0] for name in ("one", "two"))
    happened(2)
    change(app, WebhookEndpoint, failing_since=WebhookEndpoint.created_at)
    with app.app_context(), db.engine.begin() as conn:
        now = database_now(conn)
        claimed = [outbox.claim(conn, each, 2, now) for each in of]
        engine = db.engine
    both, failed = threading.Barrier(2), []

    def meet(_conn, _cursor, statement, *_rest):
        if statement.startswith("UPDATE webhook_endpoint"):
            with suppress(threading.BrokenBarrierError):
                both.wait(0.3)

    def settle(results):
        try:
            with engine.begin() as conn:
                outbox.settle(conn, results, now)
        except DBAPIError as error:
            failed.append(error)

    event.listen(engine, "after_cursor_execute", meet)
    workers = [
        threading.Thread(
            target=settle,
            args=[
                [
                    outbox.Result(claimed[0][worker], None if worker else "timeout"),
                    outbox.Result(claimed[1][worker], "timeout" if worker else None),
                ]
            ],
        )
        for worker in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    event.remove(engine, "after_cursor_execute", meet)
    assert failed == []


def test_a_replay_of_many_lets_others_write_in_between(app, endpoint, happened, now, monkeypatch):
    happened(5)
    change(app, Webhook, state="dead", due_at=None, done_at=now)
    monkeypatch.setattr(endpoints, "REPLAYED_AT_ONCE", 2)
    monkeypatch.setattr(endpoints, "MOST_REPLAYED", 4)
    commits = []
    with app.app_context():
        event.listen(db.engine, "commit", lambda conn: commits.append(conn))
        assert endpoints.replay(endpoint[0]) == 4
        assert len(commits) >= 2
        assert endpoints.replay(endpoint[0]) == 1


def test_an_endpoint_is_found_without_counting_for_all(app, make_endpoint, sink):
    said = []
    for n in range(20):
        made, _ = make_endpoint(sink.url, f"shop {n}")
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *_: said.append(1))
        assert endpoints.find(made).row.name == "shop 19"
        assert endpoints.named("shop 3").row.name == "shop 3"
    assert len(said) < 20


def test_one_that_takes_something_now_and_then_is_not(endpoint, sink, send, later, happened, rows):
    happened(2)
    sink.statuses = [500, 204]
    send()
    later(by=DAY)
    sink.statuses = [500]
    send()
    assert rows.one(WebhookEndpoint).disabled_at is None


def test_about_one_delivery_an_endpoint_hears_in_order(app, endpoint, sink, send, happened):
    ids = happened(20)
    for state in ("delivered", "read"):
        change(app, Delivery, state=state)
    send()
    for delivery_id in ids:
        states = [
            told["data"]["status"]
            for told in sink.told
            if told["data"]["deliveryId"] == str(delivery_id)
        ]
        assert states == ["sent", "delivered", "read"]
    assert len(sink.connections) <= sending.SENDERS  # which are kept


def test_what_was_not_taken_lets_the_next_pass(app, endpoint, sink, send, happened):
    happened()
    change(app, Delivery, state="delivered")
    sink.statuses = [500]
    send()
    assert sink.types == ["delivery.sent", "delivery.delivered"]


def test_a_lease_that_has_lapsed_is_sent_again(app, endpoint, sink, send, later, happened, rows):
    happened()
    with app.app_context(), db.engine.begin() as conn:
        now = database_now(conn)
        (lost,) = outbox.claim(conn, endpoint[0], 10, now)
        assert outbox.claim(conn, endpoint[0], 10, now) == []
    send()
    assert sink.got == []
    later()
    send()
    assert len(sink.got) == 1
    with app.app_context(), db.engine.begin() as conn:
        # Who comes back late with bad news has been overtaken.
        outbox.settle(conn, [outbox.Result(lost, "timeout")], database_now(conn))
    assert rows.one(Webhook).state is WebhookState.TAKEN


def test_processes_share_the_work_and_send_nothing_twice(app, endpoint, sink, send, happened):
    happened(150)
    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [headers["webhook-id"] for headers, _ in sink.got]
    assert (len(ids), len(set(ids))) == (150, 150)


def test_a_worker_that_stops_gives_back_what_it_has_not_begun(endpoint, sink, send, happened, rows):
    happened(60)
    stopping = threading.Event()
    stopping.set()
    send(stopping)
    assert sink.got == []
    assert {row.lease_token for row in rows.all(Webhook)} == {None}
    send()
    assert len(sink.got) == 60


def test_a_slow_endpoint_holds_up_no_other(app, make_endpoint, sink, send, happened, monkeypatch):
    with sinking() as slow:
        monkeypatch.setattr("smsapp.providers.webhook_client.TIMEOUT_SECONDS", 1.0)
        make_endpoint(slow.url.replace("127.0.0.1", "192.0.2.1"), "slow")
        make_endpoint(sink.url, "good")
        happened(30)
        worker = threading.Thread(target=send)
        worker.start()
        while len(sink.got) < 30:
            assert worker.is_alive(), "the good one waits for the slow one"
            time.sleep(0.01)
        worker.join()


def test_a_private_address_is_told_nothing_unless_it_may(app, endpoint, sink, send, happened, rows):
    happened()
    with settings_of(app, WEBHOOK_ALLOW_PRIVATE="false"):
        send()
    assert sink.got == []
    assert rows.one(Webhook).trouble in {"private_address", "unreachable"}  # nor by plain http


def test_what_is_said_takes_no_statement_of_the_events_own(app, shop, twilio, make_endpoint, sink):
    """Triggers write it, whether there is an endpoint or not."""
    said = []

    def note(_conn, _cursor, statement, *_rest):
        said.append(statement)

    def statements(event_id):
        said.clear()
        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            assert shop.ships(event_id).status_code == 202
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return list(said)

    shop.ships("order-1000-shipped")
    without = statements("order-1001-shipped")
    make_endpoint(sink.url)
    assert statements("order-1002-shipped") == without


@on_one_database
def test_what_is_forgotten_is_what_nobody_replays_any_more(
    app, endpoint, sink, send, happened, rows
):
    from smsapp.retention import webhooks

    happened(2)
    send()
    happened()
    with app.app_context():
        assert (webhooks.count(), webhooks.forget()) == (0, 0)
        with db.engine.begin() as conn:
            old = database_now(conn) - 15 * DAY
            conn.execute(update(Webhook).where(Webhook.done_at.is_not(None)).values(done_at=old))
        assert (webhooks.count(), webhooks.forget()) == (2, 2)
        endpoints.disable(endpoint[0])
        change(app, WebhookEndpoint, disabled_at=old)
        assert (webhooks.count(), webhooks.forget(), webhooks.count()) == (1, 1, 0)
    assert rows.all(Webhook) == []
