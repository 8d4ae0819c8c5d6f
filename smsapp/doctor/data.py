"""Checks of the database, and of what it says about workers and keys."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from smsapp import api_keys, clock, database_faults, tally
from smsapp.database_faults import Fault
from smsapp.delivery import health
from smsapp.doctor.findings import Finding, fault, ok, warning
from smsapp.extensions import database_now, reading, schema_is_current, settings
from smsapp.providers.twilio_errors import meaning
from smsapp.recipients import merging

# The oldest that all of this is tested with.
OLDEST_POSTGRESQL = 16
CLOSE_ENOUGH = timedelta(seconds=5)
# What Twilio has is looked for back to a minute before we asked (reconcile.BEFORE_ATTEMPT).
TOO_FAR = timedelta(minutes=1)
OLD_OUTBOX_SECONDS = 300
# Some 0.1 s for each.
NUMBERS_PAGES = 10

ABOUT = "Database"


def check_database() -> Iterator[Finding]:
    """Whether it answers, and keeps what it was given."""
    try:
        with reading() as conn:
            dialect = conn.dialect.name
            yield from _sqlite(conn) if dialect == "sqlite" else _postgresql(conn)
    except SQLAlchemyError as error:
        found = database_faults.of(error)
        unclear = found in {None, Fault.AWAY}
        yield fault(
            ABOUT,
            f"It does not answer ({type(error).__name__})." if unclear else str(found),
            "Start it, and check DATABASE_URL: host, name, user, password; for SQLite that the "
            "folder is there and may be written.",
        )


def check_writing() -> Iterator[Finding]:
    """Whether it can be written, which nobody notices who reads."""
    try:
        health.check_writing()
    except SQLAlchemyError as error:
        found = database_faults.of(error)
        if found is None:
            raise
        yield fault(ABOUT, f"It cannot be written: {found}", _WRITING.get(found, _ANY_WRITING))


_WRITING = {
    Fault.LOCKED: "Find what holds it: `fuser` names who has a SQLite file open; on PostgreSQL "
    "look at pg_locks. It may only be a migration.",
    Fault.FULL: "Make room on it; nothing that was accepted is lost.",
    Fault.READ_ONLY: "For SQLite, let this user write the file and its folder; on PostgreSQL this "
    "is a standby, or default_transaction_read_only is on.",
}
_ANY_WRITING = "Look at the machine's own log, and have a backup at hand."


def _sqlite(conn: Connection) -> Iterator[Finding]:
    version = conn.execute(text("SELECT sqlite_version()")).scalar_one()
    mode = conn.execute(text("PRAGMA journal_mode")).scalar_one()
    if mode != "wal":
        yield fault(
            ABOUT,
            f"SQLite is in journal mode {mode}: whoever reads keeps others from writing.",
            "Put the file on a local disk: WAL does not work on a network share.",
        )
    else:
        yield ok(ABOUT, f"SQLite {version} answers, in WAL mode; good for one machine")


def _postgresql(conn: Connection) -> Iterator[Finding]:
    version = conn.execute(text("SHOW server_version")).scalar_one()
    if int(version.split(".")[0]) < OLDEST_POSTGRESQL:
        yield warning(
            ABOUT,
            f"PostgreSQL {version} is older than what this app is tested with.",
            f"Upgrade to {OLDEST_POSTGRESQL} or newer.",
        )
    else:
        yield ok(ABOUT, f"PostgreSQL {version} answers")
    for name in ("synchronous_commit", "fsync"):
        if conn.execute(text(f"SHOW {name}")).scalar_one() == "off":
            yield fault(
                ABOUT,
                f"{name} is off: what was accepted may be lost when the machine loses power.",
                f"Set {name} to on, for the server, the database or the user.",
            )


def check_migrations() -> Iterator[Finding]:
    """Whether the schema is this version's."""
    if schema_is_current():
        yield ok("Migrations", "the schema is this version's")
    else:
        yield fault("Migrations", "The schema is not this version's.", "Run `flask db upgrade`.")


def check_numbers() -> Iterator[Finding]:
    """Whether older releases have left numbers under two spellings; looks at the first of them."""
    if any(found is not None for found in merging.misspelt(pages=NUMBERS_PAGES)):
        yield warning(
            "Numbers",
            "Some are kept under a spelling of an older release: a STOP of one spelling does not "
            "hold for the other.",
            "Run `flask numbers merge --dry-run`, then `flask numbers merge`.",
        )
    else:
        yield ok("Numbers", "each is kept under one spelling, as far as we looked")


def check_clock() -> Iterator[Finding]:
    """Whether this machine and the database agree about the time."""
    if settings().on_sqlite:
        yield ok("Clock", "SQLite goes by this machine's")
        return
    before = clock.now()
    with reading() as conn:
        theirs = database_now(conn)
    after = clock.now()
    yield skew("the database's clock", theirs - (before + (after - before) / 2))


def skew(whose: str, ahead: timedelta) -> Finding:
    """Judge how far another clock is ahead of ours."""
    off = abs(ahead)
    if off < CLOSE_ENOUGH:
        return ok("Clock", f"agrees with {whose}")
    words = (
        f"This machine's is {off.total_seconds():.0f} seconds "
        f"{'behind' if ahead > timedelta() else 'ahead of'} {whose}."
    )
    advice = "Set both by NTP (systemd-timesyncd, chrony)."
    return (fault if off >= TOO_FAR else warning)("Clock", words, advice)


def check_worker() -> Iterator[Finding]:
    """Whether somebody empties the outbox."""
    look = health.current()
    if not look.worker_is_silent:
        yield ok("Worker", f"seen {look.worker_seen_seconds} seconds ago")
    else:
        seen = look.worker_seen_seconds
        ago = "No worker was ever seen" if seen is None else f"None was seen for {seen} seconds"
        embedded = settings().runs_embedded_worker
        yield fault(
            "Worker",
            f"{ago}: what waits is not sent.",
            "Start the app (gunicorn): the worker runs inside it."
            if embedded
            else "Start `flask worker`, on any machine.",
        )
    if look.sender_is_held:
        yield fault(
            "Worker",
            "A sender is held: Twilio, or our mail server, refuses us, and all that leaves from it "
            "waits.",
            "Mend what the lines about Twilio and the mail server say; then it goes on by itself "
            "within a minute.",
        )
    for country, code in sorted(look.held_countries.items()):
        held = meaning(code)
        yield fault("Worker", f"Texts to {country} wait: {held.cause}", held.next_step)
    age = look.oldest_due_seconds
    if age is not None and age > OLD_OUTBOX_SECONDS:
        yield warning(
            "Worker",
            f"A text has been due for {age} seconds.",
            "Look at the worker's log; start more workers, or raise WORKER_THREADS.",
        )


def check_verify() -> Iterator[Finding]:
    """Whether Twilio Verify has refused codes for a setting of ours."""
    with reading() as conn:
        refused = tally.kept(conn, tally.VERIFY)
    for code, count, last in refused:
        # Where Twilio gave no code, the status of its answer was kept.
        held = meaning(None, int(code)) if int(code) < 1000 else meaning(int(code))
        times = "once" if count == 1 else f"{count} times"
        yield fault(
            "Verify",
            f"It refused a code {times} in a day, last at {last:%H:%M} UTC ({code}): {held.cause}",
            held.next_step,
        )


def check_keys() -> Iterator[Finding]:
    """Whether any service may send."""
    live = [key for key in api_keys.list_all() if key.revoked_at is None]
    if any("send" in key.scopes.split() for key in live):
        yield ok("API keys", f"{len(live)} in use")
    else:
        yield warning(
            "API keys",
            "No service has a key that may send.",
            "flask api-key create shop --scope send --scope read",
        )
