"""Whatever is pasted leads to its text, by an index."""

import uuid

import pytest
from sqlalchemy import event, text

from smsapp import logs
from smsapp.events import kinds
from smsapp.extensions import db, settings
from smsapp.inbound import messages
from smsapp.models import Verification
from smsapp.phone import phone_key
from smsapp.trace import listing, phone_history, search
from tests.conftest import ALICE, BOB, sid


def found(app, pasted):
    with app.app_context():
        return search.find(pasted, kinds.KINDS)


def key_of(app, e164):
    with app.app_context():
        return phone_key(e164, settings().phone_key_bytes)


# What stands around each kind of key where people copy it from.
PASTES = {
    "message SID": [
        "{}",
        "  {}\n",
        "“{}”",
        "'{}',",
        '"message_sid":"{}",',
        "({})",
        "https://console.twilio.com/us1/monitor/logs/{}?x=1",
        "MessageSid={}&MessageStatus=failed",
        "[{}]",
        "Message {}.",
        "`{}`",
        '{{"time":"2026-11-21T09:00:00.000+00:00","to":"+*******0123","message_sid":"{}","ms":12}}',
    ],
    "delivery or attempt id": [
        "{}",
        " {} ",
        "“{}”",
        "delivery={}",
        '"deliveryId": "{}",',
        "/api/deliveries/{}",
        "<{}>",
        "{}.",
    ],
    "event id": [
        "order-1001-shipped",
        "  order-1001-shipped ",
        "“order-1001-shipped”",
        '"eventId": "order-1001-shipped",',
        "/api/deliveries?eventId=order-1001-shipped",
        "event order-1001-shipped was lost",
        "order%2D1001%2Dshipped",
    ],
    "order with one text": ["1001", "#1001", "order 1001", "Order: #1001.", '"orderId":"1001"'],
}


@pytest.mark.parametrize(("key", "pasted"), [(key, p) for key in PASTES for p in PASTES[key]])
def test_a_key_leads_to_its_delivery_whatever_is_around_it(app, shop, twilio, rows, key, pasted):
    shop.ships()
    delivery = rows.delivery
    written = {
        "message SID": (sid(1), sid(1).lower(), sid(1).upper(), f"\u200b{sid(1)}\ufeff"),
        "delivery or attempt id": (delivery.id, str(delivery.id).upper(), rows.attempts[0].id),
    }
    for known in written.get(key, ("",)):
        assert found(app, pasted.format(known)) == search.Found(deliveries=(delivery.id,))


def test_an_event_id_may_hold_anything(app, shop, twilio, rows):
    ids = ("ship: 17, again (2)", "+12025550123/1", "“quoted” id", "№ ١٧/2️⃣")
    for number, event_id in enumerate(ids, 1):
        delivery = uuid.UUID(shop.ships(event_id, orderId=f"A{number}").json["deliveryId"])
        assert delivery in found(app, f" {event_id}\n").deliveries


@pytest.mark.parametrize("around", ["{}", '{{"event_id":"{}","kind":"order_shipped"}}'])
def test_what_is_logged_of_an_event_id_leads_to_its_delivery(app, shop, twilio, around):
    answer = shop.ships("order-1001-shipped")
    shop.ships("order-1002-shipped", orderId="1002")
    with app.app_context():
        logged = logs.logged_event_id("order-1001-shipped")
    result = found(app, around.format(logged))
    assert [str(found_id) for found_id in result.deliveries] == [answer.json["deliveryId"]]
    assert found(app, "order-~0123456789ab") == search.Found()


def test_an_order_with_several_texts_leads_to_a_list_newest_first(app, shop, twilio, rows):
    ids = [uuid.UUID(shop.ships(f"event-{n}-of-1001").json["deliveryId"]) for n in range(3)]
    shop.ships("event-of-another", orderId="1002")
    assert found(app, "1001") == search.Found(subjects=(ids[-1],))
    with app.app_context(), db.engine.connect() as conn:
        page = listing.of_subject(conn, "1001", None)
        assert [row.id for row in page.rows] == ids[::-1]
        older = listing.of_subject(conn, "1001", ids[2])
        assert [row.id for row in older.rows] == ids[1::-1]


@pytest.mark.parametrize(
    "pasted",
    [
        "+12025550123",
        "+1 202 555 0123",
        "+1 (202) 555-0123",
        "tel:+1-202-555-0123",
        "“+1.202.555.0123”",
        "0012025550123",
        "12025550123",
        "%2B12025550123",
        "To: +1\u00a0202\u2011555\u20110123,",
        "(202) 555-0123",  # as in the country of our own number
        "202 555 0123",
        "call her on 202-555-0123 please",
        "\u202a+1 202 555 0123\u202c",  # as copied from contacts
        "+1 (202)\u2060 555\u200b-0123",
        "٠٠١ ٢٠٢ ٥٥٥ ٠١٢٣",
        "۲۰۲۵۵۵۰۱۲۳",
    ],
)
def test_a_number_leads_to_its_page_however_it_is_written(app, shop, twilio, pasted):
    shop.ships()
    shop.ships("order-1002-shipped", orderId="202", phone=BOB)
    shop.ships("order-1003-shipped", orderId="555", phone=BOB)
    assert found(app, pasted) == search.Found(phone_keys=(key_of(app, ALICE),))


def test_a_number_of_elsewhere_takes_its_country(app, shop, twilio):
    shop.ships(phone=BOB)
    key = key_of(app, BOB)
    assert found(app, "+44 (0)7700 900123").phone_keys == (key,)
    assert found(app, "+44 7700 900123").phone_keys == (key,)
    assert found(app, "07700 900123").phone_keys == ()


def test_what_is_order_and_number_leads_to_both(app, shop, twilio, rows):
    shop.ships(orderId="2025550123")
    assert found(app, "2025550123") == search.Found(
        deliveries=(rows.delivery.id,), phone_keys=(key_of(app, ALICE),)
    )


def test_a_key_and_the_sids_of_texts_and_codes_lead_to_a_number(app, shop, twilio):
    shop.ships()
    key = key_of(app, ALICE)
    with app.app_context():
        messages.receive(messages.Text(sid(50), ALICE, "hello", None))
        with db.engine.begin() as conn:
            conn.execute(
                Verification.__table__.insert().values(
                    id=uuid.uuid4(),
                    phone_key=key,
                    prefix="+12025",
                    channel="sms",
                    verify_sid="VE" + "0" * 31 + "1",
                    checks=0,
                    started_at=messages.database_now(conn),
                )
            )
    for pasted in (key, f'"phone_key":"{key}"', sid(50), f"VE{1:032x}"):
        assert found(app, pasted) == search.Found(phone_keys=(key,))


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        " ",
        "nothing like it",
        sid(999),
        "01a1fcd9-28eb-7733-863e-ab429cfa6b75",
        "a" * 64,
        "+12025550199",
        "\0",
        "'; DROP TABLE delivery; --",
        "%",
        "_",
        "😀" * 500,
        "1 " * 500,
        "+" * 1000,
        "(" * 1000,
        "1" * 5000,
        "%00",
    ],
)
def test_what_names_nothing_finds_nothing(app, shop, twilio, pasted):
    shop.ships()
    assert found(app, pasted) == search.Found()


@pytest.fixture
def crowded(app, shop, twilio):
    """A database with many deliveries, as PostgreSQL knows them; one number and order are busy."""
    if not app.extensions["settings"].database_url.startswith("postgresql"):
        pytest.skip("SQLite has no planner that weighs rows")
    shop.ships()
    columns = "kind, content_hash, purpose, body, consent_at, state, state_at, tries, undelivered"
    columns += ", expires_at, last_attempt_at"
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(text("SET LOCAL statement_timeout = 0"))  # of a busy machine
        conn.execute(
            text("""
                INSERT INTO phone (phone_key, e164, country, created_at)
                SELECT encode(sha256(n::text::bytea), 'hex'), '+1999' || n, 'US', now()
                FROM generate_series(1, 20000) n
            """)
        )
        conn.execute(
            text(f"""
                INSERT INTO delivery (id, event_id, phone_key, order_id, created_at, {columns})
                SELECT
                    ('000' || to_char(n, 'FM00000') || '-0000-7000-8000-000000000000')::uuid,
                    'event-' || n,
                    CASE WHEN n % 10 = 0 THEN d.phone_key
                    ELSE encode(sha256((1 + n % 20000)::text::bytea), 'hex') END,
                    CASE WHEN n % 10 = 1 THEN 'busy' ELSE 'order-' || n END,
                    now(), {columns}
                FROM delivery d, generate_series(1, 60000) n
            """)
        )
        conn.execute(text("ANALYZE delivery"))  # or each attempt's is looked for row by row
        conn.execute(
            text("""
                INSERT INTO attempt (id, delivery_id, number, source, state, sid, started_at)
                SELECT id, id, 1, 'worker', 'sent', 'SM' || md5(event_id), now() FROM delivery
                WHERE event_id LIKE 'event-%'
            """)
        )
        conn.execute(
            text("""
                INSERT INTO inbound (sid, phone_key, body, received_at)
                SELECT 'SM' || md5('in' || n), encode(sha256((1 + n % 20000)::text::bytea), 'hex'),
                       'hello', now() - n * interval '1 minute'
                FROM generate_series(1, 30000) n
            """)
        )
    with app.app_context(), db.engine.connect() as conn:
        conn.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    return app


def test_no_search_and_no_list_scans_a_table(crowded):
    """Each statement is explained as it is asked, with a rare and with a busy key."""
    asked = []
    key = key_of(crowded, ALICE)
    with crowded.app_context():

        def note(conn, cursor, statement, parameters, context, executemany):
            if statement.startswith(("SELECT", "WITH")):
                asked.append((statement, parameters))

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            for pasted in (sid(1), str(uuid.uuid4()), "event-77", "order-77", "busy", ALICE, key):
                search.find(pasted, kinds.KINDS)
            middle = uuid.UUID("00030000-0000-7000-8000-000000000000")
            with db.engine.connect() as conn:
                for order in ("busy", "order-77", "none"):
                    listing.of_subject(conn, order, None)
                    listing.of_subject(conn, order, middle)
                    listing.of_subject(conn, order, None, "order_ready")
                page = listing.inbox(conn, None)
                assert len(page.rows) == listing.PER_PAGE
                last = page.rows[-1]
                listing.inbox(conn, (last.received_at, last.sid))
            for phone in (key, "0" * 64):
                phone_history.about(phone)
                phone_history.about(phone, middle, (last.received_at, last.sid), last.received_at)
                phone_history.about(phone, kind="order_ready")
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        with db.engine.connect() as conn:
            for statement, parameters in asked:
                plan = "\n".join(
                    row[0]
                    for row in conn.exec_driver_sql(f"EXPLAIN (ANALYZE) {statement}", parameters)
                )
                for table in ("delivery", "attempt", "inbound", "phone"):
                    assert f"Seq Scan on {table} " not in plan, f"{statement}\n{plan}"
                # The trap: walking the primary key backwards until enough rows fit.
                assert "Backward using delivery_pkey" not in plan, f"{statement}\n{plan}"
    assert len(asked) > 30


def test_lists_page_by_key_and_show_each_row_once(app, shop, twilio, monkeypatch):
    monkeypatch.setattr(listing, "PER_PAGE", 2)
    ids = [uuid.UUID(shop.ships(f"event-{n}-of-1001").json["deliveryId"]) for n in range(5)]
    with app.app_context():
        for n in range(5):
            messages.receive(messages.Text(sid(50 + n), ALICE, f"text {n}", None))
    key = key_of(app, ALICE)
    seen, texts, inbox = [], [], []
    delivery, text = None, None
    with app.app_context():
        for _ in range(3):
            about = phone_history.about(key, delivery, text)
            seen += [row.id for row in about.sent.rows]
            texts += [row.body for row in about.got.rows]
            last = about.got.rows[-1]
            with db.engine.connect() as conn:
                inbox += [row.body for row in listing.inbox(conn, text).rows]
            delivery, text = seen[-1], (last.received_at, last.sid)
        assert not about.sent.has_older
        assert not about.got.has_older
    assert seen == ids[::-1]
    assert texts == inbox == [f"text {n}" for n in (4, 3, 2, 1, 0)]
