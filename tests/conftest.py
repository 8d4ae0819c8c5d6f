"""The app on both databases, and a Twilio that does as it is told."""

import functools
import gc
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from sqlalchemy import Connection, Executable, Row, delete, event, select, text, update
from sqlalchemy.engine import make_url
from werkzeug.security import generate_password_hash

from smsapp import api_keys, config, database_faults, operators, tally, worker
from smsapp.api_keys import Scope
from smsapp.app import create_app
from smsapp.delivery import claiming, leases, receipts
from smsapp.delivery.receipt_rows import HandledReceipt, IncomingReceipt
from smsapp.extensions import Base, database_now, db, limiter, new_id
from smsapp.inbound import messages
from smsapp.models import Attempt, Delivery, DeliveryState, Sender
from smsapp.phone import phone_key
from smsapp.providers import sms
from smsapp.providers.messages import Listed, SendResult, Sent
from smsapp.providers.outcomes import Refused
from smsapp.recipients import verification
from smsapp.recipients.customers import Visitor
from smsapp.retention import erasure
from smsapp.web import api_limits
from smsapp.webhooks import endpoints
from tests import servers, sinks
from tests.fake_verify import VERIFY, FakeVerify

# Nothing of what is imported is garbage (wsgi.py); pytest_collection_finish lets it be looked for.
gc.disable()

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "0123456789abcdef0123456789abcdef"

# The cast. Bob has nothing to do with any of it, and must see nothing.
ALICE = "+12025550123"
BOB = "+447700900123"

ENVIRONMENT = {
    "SECRET_KEY": "a secret key for the tests alone!",
    "PHONE_KEY": "a phone key for the tests alone!!",
    "PUBLIC_BASE_URL": "https://sms.example.com",
    "TWILIO_ACCOUNT_SID": ACCOUNT,
    "TWILIO_AUTH_TOKEN": TOKEN,
    "TWILIO_FROM_NUMBER": "+15005550006",
    "VERIFY_COUNTRIES": "all",
    "VERIFY_CALLS": "true",
    # Nothing listens there: a test that forgets its fake cannot reach Twilio.
    "TWILIO_BASE_URL": "http://127.0.0.1:9",
    # A shop that texts about everything there is.
    "WORDS_FILE": str(Path(__file__).with_name("words.toml")),
}

# Alice's number, where only its key is written.
KEY = phone_key(ALICE, ENVIRONMENT["PHONE_KEY"].encode())

# A property takes as long as the machine lets it.
hypothesis.settings.register_profile("smsapp", deadline=None)
hypothesis.settings.load_profile("smsapp")


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Keep pytest-flask from pushing a context that all requests of a test would share.

    In it a view that forgets to commit passes.
    """


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave out of every search for garbage what is loaded by now, as wsgi.py does: it stays."""
    gc.freeze()
    gc.enable()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start one PostgreSQL for all processes of a run with `-n`; they inherit its address."""
    if not session.config.getoption("numprocesses", None):
        return
    stack = ExitStack()
    try:
        os.environ["TEST_DATABASE_URL"] = stack.enter_context(servers.postgres())
    except (pytest.skip.Exception, pytest.fail.Exception):
        return  # each test that wants it says so itself
    session.config.add_cleanup(stack.close)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this run's own."""
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server of this run's own."""
    with servers.redis() as url:
        yield url


@contextmanager
def a_database(
    request: pytest.FixtureRequest, folder: Path, like: str | None = None
) -> Iterator[str]:
    """Yield a new database of the kind that the fixture's parameter names.

    Empty, or a copy of one `like` it that nobody is connected to.
    """
    if request.param == "postgresql":
        with servers.database(request.getfixturevalue("postgres_url"), like) as url:
            yield url
        return
    file = folder / "test.sqlite3"
    if like:
        shutil.copy(str(make_url(like).database), file)
    yield f"sqlite:///{file}"


Once = Callable[[str, Callable[[], Any]], Any]


@contextmanager
def _kept() -> Iterator[Once]:
    with ExitStack() as stack:
        made: dict[str, Any] = {}

        def once(name: str, make: Callable[[], Any]) -> Any:
            if name not in made:
                made[name] = stack.enter_context(make())
            return made[name]

        yield once


@pytest.fixture(scope="session")
def kept() -> Iterator[Once]:
    """Make a thing once for all tests of a process.

    A fixture with parameters alone would make it anew for each file of tests: each asks for one
    database and then for the other.
    """
    with _kept() as once:
        yield once


@pytest.fixture(scope="session")
def kept_on_postgres(postgres_url: str) -> Iterator[Once]:
    """Do the same with what has to go before its server goes."""
    with _kept() as once:
        yield once


def _keeper(request: pytest.FixtureRequest, kind: str) -> Once:
    name = "kept_on_postgres" if kind.startswith("postgresql") else "kept"
    once: Once = request.getfixturevalue(name)
    return once


@contextmanager
def _migrated(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    with a_database(request, folder) as url:
        with app_at(url):
            upgrade()
        yield url


def with_schema(request: pytest.FixtureRequest) -> str:
    """Return a database with our schema that is there to be copied: migrating takes a second."""
    folder = request.getfixturevalue("tmp_path_factory").mktemp("schema")
    once = _keeper(request, request.param)
    url: str = once("schema", lambda: _migrated(request, folder))
    return url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with our schema, one of each kind."""
    like, folder = with_schema(request), tmp_path_factory.mktemp("database")
    once = _keeper(request, request.param)
    url: str = once("database", lambda: a_database(request, folder, like))
    return url


# For a test that is about what comes before the database, in many forms.
on_one_database = pytest.mark.one_database


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave PostgreSQL out where one database will do."""
    spared = [item for item in items if _is_spared(item)]
    config.hook.pytest_deselected(items=spared)
    items[:] = [item for item in items if not _is_spared(item)]


def _is_spared(item: pytest.Item) -> bool:
    given = getattr(item, "callspec", None)
    on_postgres = given is not None and "postgresql" in given.params.values()
    return on_postgres and item.get_closest_marker("one_database") is not None


def make_app(**environment: str) -> Flask:
    """Return an app with the tests' settings and these on top."""
    return create_app(config.load(ENVIRONMENT | environment))


@contextmanager
def app_at(url: str, **environment: str) -> Iterator[Flask]:
    """Work in the context of an app at a database of its own; no connection is left open."""
    app = make_app(DATABASE_URL=url, **environment)
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without a schema."""
    with a_database(request, tmp_path) as url:
        yield url


@contextmanager
def _app(url: str) -> Iterator[Flask]:
    app = make_app(DATABASE_URL=url)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def shared_app(request: pytest.FixtureRequest, database_url: str) -> Flask:
    """One app for all tests of a database: an engine and a writer thread for each would add up."""
    app: Flask = _keeper(request, database_url)("app", lambda: _app(database_url))
    return app


@pytest.fixture
def app(shared_app: Flask) -> Iterator[Flask]:
    """The app, with an empty database."""
    yield shared_app
    empty(shared_app)


@contextmanager
def past_triggers(app: Flask) -> Iterator[Connection]:
    """Write past the triggers that keep the consent ledger, as the database's owner could."""
    with app.app_context(), db.engine.begin() as conn:
        triggers: Sequence[Row[Any]] = []
        if conn.dialect.name == "sqlite":
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            triggers = conn.execute(text(query)).all()
            for name, _ in triggers:
                conn.execute(text(f"DROP TRIGGER {name}"))
        else:
            conn.execute(text("SET LOCAL session_replication_role = replica"))
        yield conn
        for _, create in triggers:
            conn.execute(text(create))


@contextmanager
def locked(app: Flask) -> Iterator[sqlite3.Connection]:
    """Hold the lock of an app's SQLite file, as another program does that is slow."""
    file = make_url(app.extensions["settings"].database_url).database
    with closing(sqlite3.connect(str(file), isolation_level=None, timeout=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@contextmanager
def read_only(app: Flask) -> Iterator[None]:
    """Let an app's SQLite database be read and not written."""
    with app.app_context():
        engine = db.engine

    def begin(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    def end(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA query_only=OFF")

    event.listen(engine, "checkout", begin)
    event.listen(engine, "checkin", end)
    try:
        yield
    finally:
        event.remove(engine, "checkout", begin)
        event.remove(engine, "checkin", end)


# In an order in which they can be emptied, and the question which of them have rows.
TABLES = {table.name: table for table in reversed(Base.metadata.sorted_tables)}
FILLED = text(" UNION ALL ".join(f"SELECT '{t}' WHERE EXISTS (SELECT 1 FROM {t})" for t in TABLES))


def empty(app: Flask) -> None:
    """Delete all rows, and forget what this process keeps of them."""
    # To ask first takes half as long as to delete from every table; most tests fill few.
    with app.app_context(), db.engine.connect() as conn:
        filled = set(conn.scalars(FILLED))
        database_faults.forget(db.engine)
    if filled:
        with past_triggers(app) as conn:
            for name, table in TABLES.items():
                if name in filled:
                    conn.execute(delete(table))
    api_keys._remembered.clear()
    api_limits._windows.clear()
    tally._noted.clear()


@contextmanager
def settings_of(app: Flask, **environment: str) -> Iterator[None]:
    """Run with other settings for the length of a block."""
    before = app.extensions["settings"]
    given = ENVIRONMENT | {"DATABASE_URL": before.database_url} | environment
    app.extensions["settings"] = config.load(given)
    yield
    app.extensions["settings"] = before


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A caller without a key."""
    return app.test_client()


@dataclass
class Service:
    """An internal service with a key."""

    client: FlaskClient
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def ships(self, event_id: str = "order-1001-shipped", **changes: Any) -> Any:
        """Post a shipment; keyword arguments change the body, `prefer` sets the header."""
        prefer = changes.pop("prefer", None)
        headers = self.headers | ({"Prefer": prefer} if prefer else {})
        return self.client.post(
            "/api/order-shipped-sms", json=shipment(event_id, **changes), headers=headers
        )

    def ships_many(self, count: int, **changes: Any) -> list[Any]:
        """Post so many shipments, each of an order of its own; return the answers."""
        return [
            self.ships(f"order-{number}-shipped", orderId=str(number), **changes)
            for number in range(count)
        ]

    def post(self, path: str = "/api/order-shipped-sms", **request: Any) -> Any:
        return self.client.post(path, headers=self.headers, **request)

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)


def delivery_row(at: Any, **changes: Any) -> dict[str, Any]:
    """Return a row of a text that was sent at a time."""
    return {
        "id": new_id(),
        "kind": "order_shipped",
        "event_id": f"event-{new_id()}",
        "content_hash": "0" * 64,
        "phone_key": "a" * 64,
        "purpose": "order_updates",
        "subject": "1001",
        "order_id": "1001",
        "body": "Your order has shipped.",
        "consent_at": at,
        "state": "sent",
        "state_at": at,
        "tries": 1,
        "undelivered": 0,
        "expires_at": at,
        "created_at": at,
    } | changes


def shipment(event_id: str = "order-1001-shipped", **changes: Any) -> dict[str, Any]:
    """Return a valid body; a change to None leaves the field out."""
    body = {
        "eventId": event_id,
        "phone": ALICE,
        "orderId": "1001",
        "trackingUrl": "https://example.com/track/1001",
        "consentAt": "2026-06-02T09:00:00Z",
    } | changes
    return {name: value for name, value in body.items() if value is not None}


@pytest.fixture
def make_service(app: Flask) -> Callable[..., Service]:
    """Make a service whose key has these scopes."""

    def make(name: str = "shop", *scopes: Scope) -> Service:
        with app.app_context():
            key = api_keys.create(name, set(scopes or (Scope.SEND, Scope.READ)))
        return Service(app.test_client(), key)

    return make


@pytest.fixture
def shop(make_service: Callable[..., Service]) -> Service:
    """A service that may send and read."""
    return make_service()


@pytest.fixture
def tester(app: Flask, twilio: "FakeTwilio") -> Service:
    """A service with a test key, beside a Twilio that it must not reach."""
    with app.app_context():
        key = api_keys.create("tester", {Scope.SEND, Scope.READ}, is_test=True)
    return Service(app.test_client(), key)


@dataclass
class FakeTwilio:
    """Twilio as far as `sending` knows it: answers in the order told, then accepts."""

    answers: list[SendResult | Callable[[], SendResult]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    listed: list[Listed] | SendResult | Callable[[str], Any] = field(default_factory=list)
    asked: list[tuple[str, datetime]] = field(default_factory=list)
    senders: list[str] | SendResult = field(default_factory=list)

    def messages_with(self, number: str, since: datetime) -> Any:
        self.asked.append((number, since))
        return self.listed(number) if callable(self.listed) else self.listed

    def senders_of(self, service_sid: str) -> Any:
        return self.senders

    def look_up(self, sid: str) -> Any:
        if not isinstance(self.listed, list):
            return self.listed
        found = [message for message in self.listed if message.sid == sid]
        return found[0] if found else Refused(404, 20404, None)

    def send(self, **call: Any) -> SendResult:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else self.accepts()
        return answer() if callable(answer) else answer

    def accepts(self) -> Sent:
        return Sent(sid(len(self.calls)), "queued", 1)

    def rejects(self, code: int, http_status: int = 400, retry_after: float | None = None) -> None:
        self.answers.append(Refused(http_status, code, retry_after))


def command(app: Flask, *arguments: str) -> str:
    """Run one of `flask`'s commands, which succeeds; return what it says."""
    result = app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def run(app: Flask) -> Callable[..., Result]:
    """Run `flask …`, whether it succeeds or not."""
    return lambda *arguments, **options: app.test_cli_runner().invoke(args=arguments, **options)


def opt_out(app: Flask, e164: str) -> None:
    """Let an operator stop all texts to a number."""
    command(app, "opt-out", e164)


def make_due(app: Flask) -> None:
    """Let all waiting be over."""
    with app.app_context(), db.engine.begin() as conn:
        pending = Delivery.state == DeliveryState.PENDING
        conn.execute(update(Delivery).where(pending).values(due_at=Delivery.created_at))
        conn.execute(update(Sender).values(next_slot_at=None))


def change(app: Flask, model: Any, **values: Any) -> None:
    """Change all rows of a table."""
    with app.app_context(), db.engine.begin() as conn:
        conn.execute(update(model).values(**values))


def make_earlier(conn: Connection, model: Any, by: timedelta, *names: str) -> None:
    """Let these times of all rows of a table lie so much earlier."""
    table = model.__table__
    for row in conn.execute(select(table)).all():
        times = {name: getattr(row, name) - by for name in names if getattr(row, name)}
        same = [key == getattr(row, key.name) for key in table.primary_key.columns]
        if times:
            conn.execute(update(table).where(*same).values(times))


def run_worker(app: Flask) -> int:
    """Let a worker send what is due, once; return how many texts that were."""
    with app.app_context():
        return worker.run_once()


def claim(app: Flask, count: int = 1) -> list[leases.Claim]:
    """Claim what is due, as a worker does that sends so many."""
    with app.app_context(), db.engine.begin() as conn:
        return claiming.claim(conn, count, leases.rules())


def report(app: Flask, attempt_id: Any, sid_: str, status: str, code: int = 0) -> HandledReceipt:
    """Let Twilio report what became of an attempt."""
    with app.app_context():
        return receipts.handle(IncomingReceipt(attempt_id, sid_, status, code))


def text_in(app: Flask, sid_: str, e164: str, body: str, opt_out_type: str | None = None) -> bool:
    """Let a text come in; return whether it is new."""
    with app.app_context():
        return messages.receive(messages.Text(sid_, e164, body, opt_out_type))


def erase(app: Flask) -> None:
    """Erase Alice."""
    with app.app_context():
        erasure.erase(Visitor(KEY, None))


def at_once(*calls: Callable[[], object]) -> None:
    """Make all calls at the same time, each in a thread of its own, and wait for them."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_until_settled(app: Flask) -> None:
    """Run the worker until nothing is pending, however long that would take by the clock."""
    sent = 1
    while sent:
        make_due(app)
        sent = run_worker(app)


def sid(number: int) -> str:
    """Return a Message SID."""
    return f"SM{number:032x}"


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch) -> FakeTwilio:
    """A Twilio that does as it is told."""
    fake = FakeTwilio()
    monkeypatch.setattr(sms, "_client", lambda *_: fake)
    return fake


@pytest.fixture
def verify(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVerify]:
    """A Verify that does as it is told, and limits that have counted nothing yet."""
    fake = FakeVerify()
    monkeypatch.setattr(verification, "_connect", lambda *_: fake)
    with settings_of(app, **VERIFY):
        with app.app_context():
            limiter.reset()
        yield fake


@pytest.fixture
def sink(app: Flask) -> Iterator[sinks.Sink]:
    """A caller's server, which may be on this machine."""
    with sinks.sinking() as sink, settings_of(app, WEBHOOK_ALLOW_PRIVATE="true"):
        yield sink


@pytest.fixture
def make_endpoint(app: Flask) -> Callable[..., tuple[Any, str]]:
    """Make an endpoint; return its id and its secret."""

    def make(
        url: str, name: str = "shop", types: Any = None, *, wants_bodies: bool = False
    ) -> tuple[Any, str]:
        with app.app_context():
            return endpoints.create(name, url, types, wants_bodies=wants_bodies)

    return make


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords in a moment: a true hash takes a tenth of a second each time."""
    cheap = functools.partial(generate_password_hash, method="scrypt:1024:8:1")
    monkeypatch.setattr(operators, "generate_password_hash", cheap)
    monkeypatch.setattr(operators, "NOBODYS_HASH", cheap("nobody's password"))


@dataclass
class Rows:
    """What is in the database, read in a context of its own."""

    app: Flask

    def one(self, model: Any) -> Row[Any]:
        (row,) = self.all(model)
        return row

    def all(self, model: Any) -> list[Row[Any]]:
        with self.app.app_context(), db.engine.connect() as conn:
            return list(conn.execute(select(model.__table__)).all())

    @property
    def delivery(self) -> Row[Any]:
        return self.one(Delivery)

    @property
    def attempts(self) -> list[Row[Any]]:
        return sorted(self.all(Attempt), key=lambda row: row.number)


@pytest.fixture
def rows(app: Flask) -> Rows:
    """What is in the database."""
    return Rows(app)


@pytest.fixture
def write(app: Flask) -> Callable[..., None]:
    """Run statements; each is made from the database's time."""

    def run(*makers: Callable[[datetime], Executable]) -> None:
        with app.app_context(), db.engine.begin() as conn:
            now = database_now(conn)
            for make in makers:
                conn.execute(make(now))

    return run


@pytest.fixture
def now(app: Flask) -> datetime:
    """The database's time."""
    with app.app_context(), db.engine.connect() as conn:
        return database_now(conn)


@contextmanager
def schema_of(app: Flask, version: str) -> Iterator[None]:
    """Let the database say for the length of a block that its schema is another version's."""
    with app.app_context(), db.engine.begin() as conn:
        was = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        conn.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    try:
        yield
    finally:
        with app.app_context(), db.engine.begin() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": was})


CHROMIUM = Path("/usr/bin/chromium")
# Without a display, as root in a container, and without asking the world for anything.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, one for all tests."""
    if not CHROMIUM.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"there is no browser at {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


def new_window(
    browser: Browser,
    faults: list[str],
    width: int = 1280,
    height: int = 900,
    forgiving: bool = False,
    **options: Any,
) -> Page:
    """Open a window of the browser; what goes wrong in it is added to the faults."""

    def note(message: ConsoleMessage) -> None:
        # What a form with a fault is answered with is an "error" in the console.
        refused = forgiving and "Failed to load resource" in message.text
        if message.type == "error" and not refused:
            faults.append(message.text)

    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", note)
    return page


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open windows of the browser; at the end, nothing may have gone wrong in them."""
    windows: list[Page] = []
    faults: list[str] = []

    def opens(**options: Any) -> Page:
        windows.append(new_window(browser, faults, **options))
        return windows[-1]

    yield opens
    for window in windows:
        window.context.close()
    assert faults == []


ROOT = Path(__file__).parents[1]
