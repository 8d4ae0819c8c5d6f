"""Proving that a number is somebody's: Twilio Verify, and limits stricter than its own.

Codes go out whatever an opt-out says: else STOP would lock people out of their own settings.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from smsapp import metrics
from smsapp.errors import RateLimited, VerifyNotConfigured
from smsapp.extensions import database_now, db, new_id, reading, settings
from smsapp.models import Channel, Phone, Verification
from smsapp.phone import country, mask, phone_key
from smsapp.providers.http_client import rest_client
from smsapp.providers.outcomes import Refused, Unknown
from smsapp.providers.verify import Checked, Started, Verify
from smsapp.recipients import phones, verification_errors
from smsapp.recipients import verification_limits as limits

log = logging.getLogger(__name__)

TOO_MANY_CHECKS = 60202  # Twilio's word for too many wrong codes

# Writes what an approval brings with it, at the time it was given.
Also = Callable[[Connection, datetime], None]


@dataclass(frozen=True, slots=True)
class Begun:
    """A code is on its way. `sid` is Twilio's, "VE…"; `resend_at`: when there may be another."""

    sid: str
    status: str
    started_at: datetime
    resend_at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check went: approved, pending (a wrong code) or expired; and how many are left."""

    status: str
    tries_left: int
    approved_at: datetime | None = None

    @property
    def approved(self) -> bool:
        """Whether the number is proved."""
        return self.status == "approved"


EXPIRED = Verdict("expired", 0)


def start(e164: str, channel: Channel, locale: str | None = None) -> Begun:
    """Send a code to a number.

    Raises:
        RateLimited: Too many codes to this number, or to numbers like it (pumping).
        Landline: A text cannot reach it; a call can.
        DestinationBlocked: Twilio sends no codes there.
        InvalidRequest: Twilio knows no such number.
        ProviderUnavailable: Twilio does not answer, or refuses us.
        VerifyNotConfigured: There is no Verify Service in the settings.
    """
    client = _client()
    key = phone_key(e164, settings().phone_key_bytes)
    attempt_id, started_at, resend_at = _reserve(e164, key, channel)
    outcome = client.start(to=e164, channel=channel, locale=locale)
    extra = {"to": mask(e164), "country": country(e164), "phone_key": key}
    if isinstance(outcome, Started):
        with db.engine.begin() as conn:
            conn.execute(
                update(Verification)
                .where(Verification.id == attempt_id)
                .values(verify_sid=outcome.sid)
            )
        metrics.count(metrics.VERIFICATIONS, "started")
        log.info("verification started", extra=extra)
        return Begun(outcome.sid, outcome.status, started_at, resend_at)
    if not isinstance(outcome, Unknown):  # certainly no code was sent: it does not count
        with db.engine.begin() as conn:
            conn.execute(delete(Verification).where(Verification.id == attempt_id))
    metrics.count(metrics.VERIFICATIONS, "refused")
    raise verification_errors.of(outcome, extra)


def check(verify_sid: str, e164: str, code: str, also: Also | None = None) -> Verdict:
    """Check a code against one verification and one number.

    `also` writes what an approval brings with it, in the commit that marks the number verified.

    Twilio says which number it sent the code to; where that is another than `e164`, nothing is
    approved: a second tab cannot borrow an approval.

    Raises:
        RateLimited: Too many checks of this verification.
        ProviderUnavailable: Twilio does not answer, or refuses us: not a wrong code.
        VerifyNotConfigured: There is no Verify Service in the settings.
    """
    client = _client()
    key = phone_key(e164, settings().phone_key_bytes)
    used = limits.count_check(verify_sid, key)
    if used is None:
        return EXPIRED
    if used > limits.MAX_CHECKS:
        raise RateLimited(
            verification_errors.TOO_MANY_CHECKS, retry_after=int(limits.VALID_FOR.total_seconds())
        )
    outcome = client.check(sid=verify_sid, code=code)
    extra = {"to": mask(e164), "country": country(e164), "phone_key": key}
    match outcome:
        case Checked(to=to, status="approved") if to == e164:
            approved_at = _approve(verify_sid, key, also)
            if approved_at is None:
                return EXPIRED
            metrics.count(metrics.VERIFICATIONS, "approved")
            log.info("verification approved", extra=extra)
            return Verdict("approved", 0, approved_at)
        case Checked(status="approved"):
            log.error("verification approved for another number", extra=extra)
            return EXPIRED
        case Checked(status="pending"):
            metrics.count(metrics.VERIFICATIONS, "wrong_code")
            log.info("wrong code", extra=extra)
            if used == limits.MAX_CHECKS:
                client.cancel(verify_sid)
            return Verdict("pending", limits.MAX_CHECKS - used)
        case Checked() | Refused(code=20404):
            return EXPIRED
        case _:
            if not (isinstance(outcome, Refused) and outcome.code == TOO_MANY_CHECKS):
                limits.give_back_check(verify_sid, key)  # no code was compared
            raise verification_errors.of(outcome, extra)


def status_of(verify_sid: str, phone_key: str) -> Verdict:
    """Return how a verification stands, without a check: pending or expired."""
    with reading() as conn:
        rows = conn.execute(
            select(Verification.checks).where(
                *limits.open_now(verify_sid, phone_key, database_now(conn))
            )
        ).all()
    used = sum(int(row.checks) for row in rows)
    return Verdict("pending", max(0, limits.MAX_CHECKS - used)) if rows else EXPIRED


def newest(e164: str) -> str | None:
    """Return the SID of the number's verification that may still be approved."""
    key = phone_key(e164, settings().phone_key_bytes)
    with reading() as conn:
        return conn.execute(
            select(Verification.verify_sid)
            .where(
                Verification.phone_key == key,
                Verification.verify_sid.is_not(None),
                Verification.approved_at.is_(None),
                Verification.started_at > database_now(conn) - limits.VALID_FOR,
            )
            .order_by(Verification.started_at.desc())
            .limit(1)
        ).scalar_one_or_none()


def _reserve(e164: str, key: str, channel: Channel) -> tuple[uuid.UUID, datetime, datetime]:
    """Count a code against the limits before it is sent, so that parallel ones count too."""
    prefix = limits.prefix_of(e164)
    with db.engine.begin() as conn:
        phones.remember_and_lock(conn, {key: e164})
        phones.remember_again(conn, key, e164)
        now = database_now(conn)
        resend_at = limits.next_start(conn, key, now)
        limits.refuse_pumping(conn, prefix, now)
        attempt_id = new_id()
        conn.execute(
            insert(Verification).values(
                id=attempt_id,
                phone_key=key,
                prefix=prefix,
                channel=channel,
                checks=0,
                started_at=now,
            )
        )
    return attempt_id, now, resend_at


def _approve(verify_sid: str, key: str, also: Also | None) -> datetime | None:
    """Write an approval; return its time, or None where the person was erased meanwhile."""
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
        conn.execute(update(Phone).where(Phone.phone_key == key).values(verified_at=now))
        if also:
            also(conn, now)
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
