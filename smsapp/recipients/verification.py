"""Proving that a number, or an e-mail address, is somebody's: Twilio Verify, and stricter limits.

Codes go out whatever an opt-out says: else STOP would lock people out of their own settings.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from smsapp import metrics
from smsapp.errors import VerifyNotConfigured
from smsapp.extensions import database_now, db, new_id, reading, settings
from smsapp.models import Channel, Phone, Verification
from smsapp.phone import country, mask, phone_key
from smsapp.providers.http_client import rest_client
from smsapp.providers.outcomes import Refused, Unknown
from smsapp.providers.verify import Checked, Started, Verify
from smsapp.recipients import code_budget, code_destinations, phones, pumping, verification_errors
from smsapp.recipients import verification_limits as limits
from smsapp.recipients.asker import Asker

log = logging.getLogger(__name__)

# Any number that no other advisory lock of this database has.
_COUNTING = 0x636F646573

# Writes what an approval brings with it: at the time it was given, by the SID that was approved.
Also = Callable[[Connection, datetime, str], None]


@dataclass(frozen=True, slots=True)
class Begun:
    """A code is on its way. `sid` is Twilio's, "VE…"; `resend_at`: when there may be another."""

    sid: str
    status: str
    started_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check went: approved, pending (a wrong code) or expired; and how many are left.

    Of an approval also when it was given, and the SID of the verification that was approved.
    """

    status: str
    tries_left: int
    approved_at: datetime | None = None
    verify_sid: str = ""

    @property
    def approved(self) -> bool:
        """Whether the number is proved."""
        return self.status == "approved"


EXPIRED = Verdict("expired", 0)


def start(
    e164: str,
    channel: Channel,
    asker: Asker,
    locale: str | None = None,
    paid_bits: int = 0,
    address: str | None = None,
) -> Begun:
    """Send a code to a number, or to the e-mail address of whoever has it.

    Args:
        e164: The number.
        channel: Which way.
        asker: Who asks.
        locale: Language of the text or the voice; None: as Twilio sees fit.
        paid_bits: How large a sum the asker's browser has done for it (pumping.py).
        address: The e-mail address, with EMAIL alone. A code there proves the address and not the
            number; it counts against the number's limits.

    Raises:
        RateLimited: Too many codes to this number, or too many that were not entered.
        ProofRequired: Many codes to numbers like this are not entered, and no sum was done.
        BudgetSpent: Too many codes to all.
        CountryNotServed: The pages send no codes there.
        CallsNotOffered, WayNotOffered: The pages send no codes on this channel.
        Landline: A text cannot reach it; a call can.
        DestinationBlocked: Twilio sends no codes there.
        InvalidRequest: Twilio knows no such number or address.
        ProviderUnavailable: Twilio does not answer, or refuses us.
        VerifyNotConfigured: There is no Verify Service in the settings.
    """
    client = _client()
    if not asker.is_service:
        code_destinations.refuse(e164, channel, settings())
    key = phone_key(e164, settings().phone_key_bytes)
    attempt_id, started_at, resend_at, spent = _reserve(e164, key, channel, asker, paid_bits)
    if spent:
        client.cancel(spent)
    outcome = client.start(to=address or e164, channel=channel, locale=locale)
    extra = {"to": mask(e164), "country": country(e164), "phone_key": key}
    if isinstance(outcome, Started):
        with db.engine.begin() as conn:
            conn.execute(
                update(Verification)
                .where(Verification.id == attempt_id)
                .values(verify_sid=outcome.sid)
            )
        metrics.count(metrics.VERIFICATIONS, "started", channel)
        log.info("verification started", extra=extra)
        return Begun(outcome.sid, outcome.status, started_at, resend_at)
    if not isinstance(outcome, Unknown):  # certainly no code was sent: it does not count
        with db.engine.begin() as conn:
            conn.execute(delete(Verification).where(Verification.id == attempt_id))
    metrics.count(metrics.VERIFICATIONS, "refused", channel)
    raise verification_errors.of(outcome, extra, channel)


def check(
    e164: str, code: str, asker: Asker, also: Also | None = None, address: str | None = None
) -> Verdict:
    """Check a code against the newest verification of a number that the asker asked a code for.

    `also` writes what an approval brings with it, in the commit that marks the number verified.
    With `address` it is about the e-mail address of whoever has the number, and codes to the number
    itself have no part in it.

    Twilio says where it sent the code; where that is elsewhere, nothing is approved.

    Raises:
        RateLimited: Too many checks, of this session or of this verification.
        ProviderUnavailable: Twilio does not answer, or refuses us: not a wrong code.
        VerifyNotConfigured: There is no Verify Service in the settings.
    """
    client = _client()
    key = phone_key(e164, settings().phone_key_bytes)
    counted = limits.count_check(key, asker, by_mail=address is not None)
    if counted is None:
        return EXPIRED
    outcome = client.check(sid=counted.sid, code=code)
    extra = {"to": mask(e164), "country": country(e164), "phone_key": key}
    match outcome:
        case Checked(to=to, status="approved") if to.casefold() == (address or e164).casefold():
            approved_at = _approve(counted.sid, key, also, is_number=address is None)
            if approved_at is None:
                return EXPIRED
            metrics.count(metrics.VERIFICATIONS, "approved", counted.channel)
            log.info("verification approved", extra=extra)
            return Verdict("approved", 0, approved_at, counted.sid)
        case Checked(status="approved"):
            log.error("verification approved for another number", extra=extra)
            return EXPIRED
        case Checked(status="pending"):
            metrics.count(metrics.VERIFICATIONS, "wrong_code", counted.channel)
            log.info("wrong code", extra=extra)
            return Verdict("pending", counted.left)
        case Checked() | Refused(code=20404):
            return EXPIRED
        case Refused(code=60202):  # too many wrong codes
            limits.note_spent(key, counted)
        case _:
            limits.give_back_check(key, counted)  # no code was compared
    raise verification_errors.of(outcome, extra, counted.channel)


def status_of(phone_key: str, asker: Asker) -> Verdict:
    """Return how the asker's code for a number stands, without a check: pending or expired."""
    with reading() as conn:
        left = limits.checks_left(conn, phone_key, asker, database_now(conn))
    return EXPIRED if left is None else Verdict("pending", left)


def _reserve(
    e164: str, key: str, channel: Channel, asker: Asker, paid_bits: int
) -> tuple[uuid.UUID, datetime, datetime, str | None]:
    """Count a code against the limits before it is sent, so that parallel ones count too.

    Return its row, its time, when there may be another, and the SID of what is to be canceled
    first, so that this is a new code.
    """
    prefix = pumping.prefix_of(e164)
    with db.engine.begin() as conn:
        phones.remember_and_lock(conn, {key: e164})
        phones.remember_again(conn, key, e164)
        _count_alone(conn)
        now = database_now(conn)
        resend_at = limits.next_start(conn, key, asker, now)
        code_budget.refuse_spent(conn, now, settings())
        pumping.ask_for_more(conn, prefix, channel, asker, paid_bits, now)
        spent = limits.spent(conn, key, now, by_mail=channel is Channel.EMAIL)
        attempt_id = new_id()
        conn.execute(
            insert(Verification).values(
                id=attempt_id,
                phone_key=key,
                prefix=prefix,
                channel=channel,
                session=asker.session,
                network=asker.network,
                checks=0,
                started_at=now,
            )
        )
    return attempt_id, now, resend_at, spent


def _count_alone(conn: Connection) -> None:
    """Let nobody else count codes until this transaction ends: all see all that were counted.

    After the number's own lock, which somebody else may hold for longer.
    """
    if conn.dialect.name == "postgresql":  # on SQLite a transaction is alone from its beginning
        conn.execute(select(func.pg_advisory_xact_lock(_COUNTING)))


def _approve(verify_sid: str, key: str, also: Also | None, *, is_number: bool) -> datetime | None:
    """Write an approval, of the number or of an address beside it.

    Return its time, or None where the person was erased meanwhile.
    """
    with db.engine.begin() as conn:
        phones.lock(conn, [key])
        if phones.number_of(conn, key) is None:
            return None
        now = database_now(conn)
        conn.execute(
            update(Verification)
            .where(Verification.verify_sid == verify_sid, Verification.phone_key == key)
            .values(approved_at=now)
        )
        if is_number:
            conn.execute(update(Phone).where(Phone.phone_key == key).values(verified_at=now))
        if also:
            also(conn, now, verify_sid)
    return now


def _client() -> Verify:
    config = settings()
    if config.twilio_verify_service_sid is None:
        raise VerifyNotConfigured
    account = (config.twilio_account_sid, *config.rest_credentials, config.twilio_base_url)
    return _connect(config.twilio_verify_service_sid, *account)


@lru_cache(maxsize=4)
def _connect(service_sid: str, *account: Any) -> Verify:
    """Return the one client of these credentials."""
    return Verify(rest_client(*account), service_sid)
