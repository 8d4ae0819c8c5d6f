"""People who work in the console: their accounts, and the sessions they are signed in with."""

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import timedelta

from gevent import get_hub, monkey
from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from smsapp.extensions import database_now, db, reading, reading_objects, write_if_free
from smsapp.models import Operator, OperatorSession, Role

SHORTEST_PASSWORD = 12

# A session ends when nothing was done in it for so long, and after a working day in any case.
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
# More exact would be a write for every page.
SEEN_NOTED_EVERY = timedelta(minutes=1)

# Checked where there is no such operator, so that it takes as long as where there is one.
NOBODYS_HASH = "scrypt:32768:8:1$nobody$nothing hashes to this"
# scrypt takes 32 MB each time.
_hashing = threading.BoundedSemaphore(4)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody whose session holds."""

    id: int
    name: str
    role: Role


class NameTaken(Exception):
    """There is an operator of this name, perhaps a disabled one: the name stays in the audit."""


def new_password() -> str:
    """Return a password that nobody guesses."""
    return secrets.token_urlsafe(18)


def create(name: str, role: Role, password: str) -> None:
    """Make an account.

    Raises:
        NameTaken: An operator of this name exists.
    """
    password_hash = generate_password_hash(password)
    try:
        with db.engine.begin() as conn:
            conn.execute(
                insert(Operator).values(
                    name=name, role=role, password_hash=password_hash, created_at=database_now(conn)
                )
            )
    except IntegrityError:
        raise NameTaken from None


def list_all() -> list[Operator]:
    """Return all operators, the disabled ones too, by name."""
    with reading_objects() as rows:
        return list(rows.scalars(select(Operator).order_by(Operator.name)))


def set_password(name: str, password: str) -> bool:
    """Change a password and end all sessions; return False where no such operator is enabled."""
    return _change(name, password_hash=generate_password_hash(password))


def disable(name: str) -> bool:
    """Let an operator in no more and end all sessions; return False where none is enabled."""
    with reading() as conn:
        now = database_now(conn)
    return _change(name, disabled_at=now)


def _change(name: str, **values: object) -> bool:
    with db.engine.begin() as conn:
        changed = conn.execute(
            update(Operator)
            .where(Operator.name == name, Operator.disabled_at.is_(None))
            .values(**values)
            .returning(Operator.id)
        ).scalar_one_or_none()
        conn.execute(delete(OperatorSession).where(OperatorSession.operator_id == changed))
    return changed is not None


def sign_in(name: str, password: str) -> tuple[str, SignedIn] | None:
    """Begin a session; return its token, which only the browser keeps, or None for a refusal.

    A refusal takes as long whether the name, the password or the account is at fault.
    """
    with reading() as conn:
        found = conn.execute(select(Operator.__table__).where(Operator.name == name)).one_or_none()
    fits = _fits(found.password_hash if found else NOBODYS_HASH, password)
    if found is None or not fits:
        return None
    token = secrets.token_urlsafe(32)
    with db.engine.begin() as conn:
        # The hash took a while: the account must still be what it was, and stays so meanwhile.
        current = conn.execute(
            select(Operator.__table__).where(Operator.id == found.id).with_for_update(read=True)
        ).one()
        if current.disabled_at or current.password_hash != found.password_hash:
            return None
        now = database_now(conn)
        conn.execute(
            delete(OperatorSession).where(
                OperatorSession.operator_id == found.id, OperatorSession.began_at < now - LONGEST
            )
        )
        conn.execute(
            insert(OperatorSession).values(
                token_hash=_hash(token), operator_id=found.id, began_at=now, seen_at=now
            )
        )
    return token, SignedIn(current.id, current.name, current.role)


def _fits(password_hash: str, password: str) -> bool:
    """Whether a password is the one; a tenth of a second that nobody else has to wait for."""
    with _hashing:
        if monkey.is_module_patched("threading"):  # requests are greenlets of one thread
            pool = get_hub().threadpool
            return bool(pool.apply(check_password_hash, (password_hash, password)))
        return check_password_hash(password_hash, password)


def recognise(token: str) -> SignedIn | None:
    """Return who shows this token, and note that they were here; None where it has ended."""
    if not token:
        return None
    with reading() as conn:
        row = conn.execute(
            select(
                Operator.id,
                Operator.name,
                Operator.role,
                OperatorSession.began_at,
                OperatorSession.seen_at,
            )
            .join(OperatorSession, OperatorSession.operator_id == Operator.id)
            .where(OperatorSession.token_hash == _hash(token), Operator.disabled_at.is_(None))
        ).one_or_none()
        now = database_now(conn)
    if row is None or now - row.began_at >= LONGEST or now - row.seen_at >= IDLE:
        return None
    if now - row.seen_at >= SEEN_NOTED_EVERY:
        write_if_free(
            update(OperatorSession)
            .where(OperatorSession.token_hash == _hash(token), OperatorSession.seen_at < now)
            .values(seen_at=now)
        )
    return SignedIn(row.id, row.name, row.role)


def sign_out(token: str) -> None:
    """End one session."""
    with db.engine.begin() as conn:
        conn.execute(delete(OperatorSession).where(OperatorSession.token_hash == _hash(token)))


def count_ended() -> int:
    """Return how many sessions have ended that nobody has signed out of."""
    with reading() as conn:
        ended = select(func.count()).select_from(OperatorSession).where(_has_ended(conn))
        return conn.execute(ended).scalar_one()


def forget_ended() -> int:
    """Delete sessions that have ended, all of them: they are few; return how many."""
    with db.engine.begin() as conn:
        ended = (
            delete(OperatorSession).where(_has_ended(conn)).returning(OperatorSession.token_hash)
        )
        return len(conn.execute(ended).all())


def _has_ended(conn: Connection) -> ColumnElement[bool]:
    now = database_now(conn)
    return or_(OperatorSession.began_at <= now - LONGEST, OperatorSession.seen_at <= now - IDLE)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
