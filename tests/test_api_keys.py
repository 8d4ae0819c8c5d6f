"""API keys: made, listed, revoked, recognised, from the command line to the door."""

import hashlib
import re
from datetime import timedelta

import pytest
from sqlalchemy import event, update

from smsapp import api_keys
from smsapp.api_keys import Scope
from smsapp.extensions import db
from smsapp.models import ApiKey
from tests.conftest import on_one_database


@pytest.fixture
def flask(app):
    """Run `flask api-key …`."""
    runner = app.test_cli_runner()
    return lambda *args: runner.invoke(args=["api-key", *args])


@pytest.fixture
def clock(monkeypatch):
    """The clock that says how long a key is remembered."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(api_keys, "time", clock)
    return clock


@pytest.fixture
def statements(app):
    """The statements that reach the database."""
    seen = []

    def note(_conn, _cursor, statement, *_):
        seen.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_a_key_stands_alone_on_the_last_line_and_opens_what_it_should(flask, client, rows):
    made = flask("create", "shop", "--scope", "read", "--scope", "send")
    assert made.exit_code == 0
    key = made.stdout.splitlines()[-1]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", key)

    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/deliveries?eventId=order-1001", headers=headers).status_code == 404
    assert client.post("/api/order-shipped-sms", json={}, headers=headers).status_code == 400
    assert rows.one(ApiKey).scopes == "read send"


def test_only_the_hash_of_a_key_is_kept(app, flask, rows):
    key = flask("create", "shop", "--scope", "send").stdout.splitlines()[-1]
    row = rows.one(ApiKey)
    assert row.key_hash == hashlib.sha256(key.encode()).hexdigest()
    assert key not in repr(tuple(row))


def test_no_two_keys_are_alike(flask):
    keys = {flask("create", f"shop {n}", "--scope", "send").stdout for n in range(5)}
    assert len(keys) == 5


@on_one_database
@pytest.mark.parametrize(
    "arguments",
    [
        ("create",),
        ("create", "shop"),
        ("create", "shop", "--scope", "admin"),
        ("create", "shop", "--scope", ""),
        ("create", "", "--scope", "send"),
        ("create", "  ", "--scope", "send"),
        ("create", "x" * 81, "--scope", "send"),
        ("create", "shop\x1b[2J", "--scope", "send"),
        ("create", "shop\x00", "--scope", "send"),
        ("revoke", "nobody"),
        ("revoke",),
    ],
    ids=lambda arguments: " ".join(arguments)[:30].encode("ascii", "backslashreplace").decode(),
)
def test_a_wrong_command_says_so_and_makes_nothing(flask, rows, arguments):
    ended = flask(*arguments)
    assert ended.exit_code != 0
    assert isinstance(ended.exception, SystemExit)
    assert ended.stdout == ""
    assert "Error: " in ended.stderr
    assert rows.all(ApiKey) == []


def test_a_name_is_used_once_even_after_it_was_revoked(flask, rows):
    assert flask("create", "shop", "--scope", "send").exit_code == 0
    again = flask("create", "shop", "--scope", "read")
    assert again.exit_code == 1
    assert "“shop”" in again.stderr
    flask("revoke", "shop")
    assert flask("create", "shop", "--scope", "read").exit_code == 1
    assert rows.one(ApiKey).scopes == "send"


def test_the_list_shows_every_key_and_no_secret(flask, make_service, twilio):
    shop = make_service("shop", Scope.SEND)
    make_service("desk", Scope.READ, Scope.VERIFY)
    shop.ships()
    flask("revoke", "desk")

    desk_line, shop_line = flask("list").stdout.splitlines()

    assert re.match(
        r"desk +read verify +last used never +revoked 20\d\d-\d\d-\d\d \d\d:\d\d$", desk_line
    )
    assert re.match(r"shop +send +last used 20\d\d-\d\d-\d\d \d\d:\d\d$", shop_line)
    assert shop.key not in desk_line + shop_line


def test_a_revoked_key_is_out_within_five_seconds(flask, shop, twilio, clock):
    assert shop.ships().status_code == 202
    assert flask("revoke", "shop").exit_code == 0
    clock.now += 5
    assert shop.ships("order-1002-shipped").status_code == 401
    assert len(twilio.calls) == 1


def test_a_revoked_key_that_nobody_used_is_out_at_once(flask, shop):
    flask("revoke", "shop")
    assert shop.ships().status_code == 401


def test_a_key_is_revoked_once(flask, shop):
    assert flask("revoke", "shop").exit_code == 0
    again = flask("revoke", "shop")
    assert again.exit_code == 1
    assert "no live key" in again.stderr


def test_a_remembered_key_is_not_looked_up_again(shop, clock, statements):
    shop.get("/api/nope")
    shop.get("/api/deliveries")
    first = sum("api_key" in statement for statement in statements)
    clock.now += api_keys.REMEMBERED_SECONDS - 0.1
    shop.get("/api/deliveries")
    assert sum("api_key" in statement for statement in statements) == first


def test_wrong_keys_are_not_remembered(client):
    for n in range(50):
        client.get("/api/deliveries", headers={"Authorization": f"Bearer {n}"})
    assert not any(api_keys._remembered.values())


def test_the_last_use_is_written_at_most_once_a_minute(app, shop, rows, clock, statements):
    def uses():
        return sum("UPDATE api_key SET last_used_at" in statement for statement in statements)

    for _ in range(12):  # a minute, and no moment of it from memory
        shop.get("/api/deliveries")
        clock.now += 5
    assert uses() == 1

    before = rows.one(ApiKey).last_used_at
    with app.app_context(), db.engine.begin() as conn:
        a_minute_earlier = before - timedelta(seconds=60)
        conn.execute(update(ApiKey).values(last_used_at=a_minute_earlier))
    shop.get("/api/deliveries")
    assert rows.one(ApiKey).last_used_at >= before


def test_two_processes_write_the_last_use_once(app, shop, rows):
    shop.get("/api/deliveries")
    first = rows.one(ApiKey).last_used_at
    with app.app_context():
        api_keys._note_use(rows.one(ApiKey).id, first + timedelta(seconds=1))
    assert rows.one(ApiKey).last_used_at == first


def test_a_refused_request_is_a_use_too(make_service, rows):
    make_service("reader", Scope.READ).ships()
    assert rows.one(ApiKey).last_used_at is not None
