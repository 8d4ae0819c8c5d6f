"""The people who can be on call: put in, proved by a code, taken out.

What being paged rests on is a row of the consent ledger like any other, written when the code is
entered, and a withdrawal when somebody is taken out. So permission.py asks nothing new, and a STOP
stops pages too.
"""

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from smsapp.errors import NotFound
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import (
    Channel,
    ConsentAction,
    ConsentSource,
    Handover,
    OnCallPerson,
    Phone,
    RotaOverride,
)
from smsapp.phone import country, phone_key
from smsapp.recipients import asker, customers, opt_out, phones, verification
from smsapp.recipients.customers import Visitor
from smsapp.recipients.purposes import ON_CALL
from smsapp.recipients.verification import Verdict

log = logging.getLogger(__name__)

# What else is written in the transaction that changes something, such as the audit trail's row.
Also = Callable[[Connection, str], None]

_PEOPLE = (
    select(
        *OnCallPerson.__table__.c,
        Phone.e164,
        opt_out.in_force_for(OnCallPerson.phone_key).label("opted_out"),
    )
    .join(Phone, Phone.phone_key == OnCallPerson.phone_key)
    .order_by(OnCallPerson.name, OnCallPerson.id)
)
_IN = OnCallPerson.left_at.is_(None)
_PAGED = _PEOPLE.where(_IN, OnCallPerson.verified_at.is_not(None))


class Refused(Exception):
    """It cannot be done; its text says why, in a sentence for whoever asked."""


def _nothing(_conn: Connection, _phone_key: str) -> None:
    pass


def all_in(conn: Connection) -> list[Any]:
    """Return all who are in, proved or not, by name; with e164 and opted_out."""
    return list(conn.execute(_PEOPLE.where(_IN)))


def paged(conn: Connection) -> dict[int, Any]:
    """Return those who may be paged, by id."""
    return {row.id: row for row in conn.execute(_PAGED)}


def names(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """Return what people are called, those too who have left; "" for who was erased."""
    found = select(OnCallPerson.id, OnCallPerson.name).where(OnCallPerson.id.in_(ids))
    return {row.id: row.name for row in conn.execute(found)}


def with_phone(conn: Connection, key: str) -> Any | None:
    """Return whoever of those who may be paged has a phone."""
    return conn.execute(_PAGED.where(OnCallPerson.phone_key == key).limit(1)).one_or_none()


def named(name: str) -> Any:
    """Return somebody who is in.

    Raises:
        NotFound: Nobody is called that.
    """
    with reading() as conn:
        found = conn.execute(_PEOPLE.where(_IN, OnCallPerson.name == name)).one_or_none()
    if found is None:
        raise NotFound(f"Nobody on call is called “{name}”.")
    return found


def numbered(person_id: int) -> Any:
    """Return somebody who is in.

    Raises:
        NotFound: There is nobody.
    """
    with reading() as conn:
        found = conn.execute(_PEOPLE.where(_IN, OnCallPerson.id == person_id)).one_or_none()
    if found is None:
        raise NotFound("There is nobody like that on call.")
    return found


def add(name: str, e164: str, also: Also = _nothing) -> int:
    """Put somebody in; they are paged once their number is proved. Return their id.

    Raises:
        Refused: The name is none, or one of them has the name or the number.
    """
    name = " ".join(name.split())
    if not (name.isprintable() and 1 <= len(name) <= 40):
        raise Refused("A name has 1 to 40 printable characters.")
    key = phone_key(e164, settings().phone_key_bytes)
    with db.engine.begin() as conn:
        phones.remember_and_lock(conn, {key: e164})
        phones.remember_again(conn, key, e164)
        for row in all_in(conn):
            if row.name == name:
                raise Refused(f"There is a “{name}” already.")
            if row.phone_key == key:
                raise Refused(f"{row.name} has that number already.")
        values = {"name": name, "phone_key": key, "added_at": database_now(conn)}
        added = conn.execute(insert(OnCallPerson).values(values).returning(OnCallPerson.id))
        person_id = int(added.scalar_one())
        also(conn, key)
    log.info("put on call", extra={"phone_key": key, "country": country(e164)})
    return person_id


def send_code(person: Any, channel: Channel = Channel.SMS) -> None:
    """Send somebody a code.

    Raises:
        SmsappError: As verification.start does.
    """
    verification.start(person.e164, channel, asker.service())


def check_code(person: Any, code: str, also: Also = _nothing) -> Verdict:
    """Check somebody's code; once it is right they are paged.

    Raises:
        SmsappError: As verification.check does.
    """

    def write(conn: Connection, now: datetime, verify_sid: str) -> None:
        proved = update(OnCallPerson).where(OnCallPerson.id == person.id, _IN)
        conn.execute(proved.values(verified_at=now))
        _record(conn, Visitor(person.phone_key, verify_sid), ConsentAction.GRANTED, now)
        also(conn, person.phone_key)

    return verification.check(person.e164, code, asker.service(), also=write)


def remove(person: Any, also: Also = _nothing) -> None:
    """Take somebody out, and off the rota: nobody pages them any more."""
    with db.engine.begin() as conn:
        phones.lock(conn, [person.phone_key])
        now = database_now(conn)
        theirs = update(OnCallPerson).where(OnCallPerson.id == person.id, _IN)
        conn.execute(theirs.values(left_at=now, bundle_at=None))
        for table in (Handover, RotaOverride):
            conn.execute(delete(table).where(table.person_id == person.id))
        if person.verified_at:
            _record(conn, Visitor(person.phone_key, None), ConsentAction.WITHDRAWN, now)
        also(conn, person.phone_key)
    log.info("taken off call", extra={"phone_key": person.phone_key})


def _record(conn: Connection, who: Visitor, action: ConsentAction, now: datetime) -> None:
    customers.record(conn, who, [ON_CALL], action, ConsentSource.OPERATOR, now)
