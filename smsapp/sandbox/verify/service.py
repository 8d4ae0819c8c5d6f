"""Twilio Verify: one code per number and ten minutes, sent and checked."""

import hmac
import sqlite3
from dataclasses import astuple, dataclass, replace

from smsapp import clock
from smsapp.sandbox.carrier import Carrier, SendRequest
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Database
from smsapp.sandbox.errors import TwilioError
from smsapp.sandbox.message import iso8601, new_sid
from smsapp.sandbox.verify.verification import (
    LIFETIME,
    MAX_CHECKS,
    MAX_SENDS,
    Attempt,
    Verification,
    new_code,
)

# Not the shop's number: Twilio sends codes from numbers of its own.
SENDER = "TWVerify"

# A verification and every sending of its code.
Found = tuple[Verification, list[Attempt]]


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks for a code, checked. `channel` is "sms" or "call"."""

    service_sid: str
    to: str
    channel: str


class Verify:
    """The verifications of one account."""

    def __init__(self, database: Database, carrier: Carrier, config: SandboxConfig) -> None:
        self._database = database
        self._carrier = carrier
        self._config = config

    def send(self, request: Request) -> Found:
        """Send a code, or the same again while it is good.

        Raises:
            TwilioError: 60203, it has been sent often enough.
        """
        now = clock.now().timestamp()
        with self._database.write() as db:
            old = _newest(db, request.service_sid, request.to)
            if old is None or not old.pending(now):
                found = _create(db, request, now)
            elif len(_attempts(db, old.sid)) < MAX_SENDS:
                found = _update(db, replace(old, channel=request.channel), now)
            else:
                raise TwilioError(60203)
            db.execute(
                "INSERT INTO send_code_attempt VALUES (NULL, ?, ?, ?, ?)",
                (new_sid("VL"), found.sid, request.channel, now),
            )
            attempts = _attempts(db, found.sid)
        self._carrier.accept(self._text(request, found.code))
        return found, attempts

    def check(self, service_sid: str, sid: str, code: str) -> Verification | None:
        """Compare a code; return how the verification stands, or None if there is none to check.

        Raises:
            TwilioError: 60202, five checks have failed.
        """
        now = clock.now().timestamp()
        with self._database.write() as db:
            found = _find(db, service_sid, sid)
            if found is None or now >= found.expires_at or found.status in ("approved", "canceled"):
                return None
            if found.checks < MAX_CHECKS:
                right = hmac.compare_digest(found.code.encode(), code.encode())
                status = "approved" if right else "pending"
                return _update(db, replace(found, status=status, checks=found.checks + 1), now)
            _update(db, replace(found, status="max_attempts_reached"), now)
        raise TwilioError(60202)

    def cancel(self, service_sid: str, sid: str) -> Found | None:
        """Cancel a verification, unless Twilio has deleted it; return it with its attempts."""
        now = clock.now().timestamp()
        with self._database.write() as db:
            found = _find(db, service_sid, sid)
            if found is None or found.gone(now):
                return None
            return _update(db, replace(found, status="canceled"), now), _attempts(db, sid)

    def expire(self) -> None:
        """Let the time of every pending code be over."""
        with self._database.write() as db:
            db.execute("UPDATE verification SET expires_at = 0 WHERE status = 'pending'")

    def clear(self) -> None:
        """Forget every verification."""
        with self._database.write() as db:
            db.execute("DELETE FROM verification")
            db.execute("DELETE FROM send_code_attempt")

    def codes(self) -> list[dict[str, object]]:
        """Return what `GET /codes.json` promises to tests: every code sent, newest first."""
        with self._database.read() as db:
            rows = db.execute(
                "SELECT v.to_number, v.code, a.channel, v.sid, a.at FROM send_code_attempt a"
                " JOIN verification v ON v.sid = a.verification_sid ORDER BY a.id DESC"
            ).fetchall()
        return [
            {"to": to, "code": code, "channel": channel, "sid": sid, "createdAt": iso8601(at)}
            for to, code, channel, sid, at in rows
        ]

    def _text(self, request: Request, code: str) -> SendRequest:
        call = request.channel == "call"
        text = f"Your {self._config.verify_friendly_name} verification code is: {code}"
        return SendRequest(
            to=request.to,
            sender=SENDER,
            body=f"Call: your code is {' '.join(code)}" if call else text,
            direction="verify-call" if call else "verify-sms",
        )


def _create(db: sqlite3.Connection, request: Request, now: float) -> Verification:
    found = Verification(
        id=0,
        sid=new_sid("VE"),
        service_sid=request.service_sid,
        to_number=request.to,
        channel=request.channel,
        code=new_code(),
        status="pending",
        checks=0,
        created_at=now,
        updated_at=now,
        expires_at=now + LIFETIME,
    )
    values = astuple(found)[1:]
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO verification VALUES (NULL, {marks})", values)  # noqa: S608 - question marks
    return found


def _update(db: sqlite3.Connection, v: Verification, now: float) -> Verification:
    db.execute(
        "UPDATE verification SET channel = ?, status = ?, checks = ?, updated_at = ? WHERE sid = ?",
        (v.channel, v.status, v.checks, now, v.sid),
    )
    return replace(v, updated_at=now)


def _find(db: sqlite3.Connection, service_sid: str, sid: str) -> Verification | None:
    row = db.execute(
        "SELECT * FROM verification WHERE sid = ? AND service_sid = ?", (sid, service_sid)
    ).fetchone()
    return Verification(*row) if row else None


def _newest(db: sqlite3.Connection, service_sid: str, to: str) -> Verification | None:
    row = db.execute(
        "SELECT * FROM verification WHERE to_number = ? AND service_sid = ?"
        " ORDER BY id DESC LIMIT 1",
        (to, service_sid),
    ).fetchone()
    return Verification(*row) if row else None


def _attempts(db: sqlite3.Connection, sid: str) -> list[Attempt]:
    rows = db.execute(
        "SELECT sid, channel, at FROM send_code_attempt WHERE verification_sid = ? ORDER BY id",
        (sid,),
    ).fetchall()
    return [Attempt(*row) for row in rows]
