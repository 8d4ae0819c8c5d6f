"""Twilio Verify: one code per number and ten minutes, sent and checked."""

import hmac
import sqlite3
from dataclasses import dataclass, replace

from smsapp import clock
from smsapp.sandbox.carrier import Carrier, SendRequest
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Database
from smsapp.sandbox.message import iso8601
from smsapp.sandbox.verify.errors import max_checks, max_sends
from smsapp.sandbox.verify.verification import (
    LIFETIME,
    MAX_CHECKS,
    MAX_SENDS,
    Attempt,
    Verification,
    new_code,
    new_sid,
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
    name: str
    code: str | None = None


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
                found = self._create(db, request, now)
            elif len(_attempts(db, old.sid)) < MAX_SENDS:
                found = _again(db, old, request, now)
            else:
                raise max_sends()
            db.execute(
                "INSERT INTO send_code_attempt VALUES (NULL, ?, ?, ?, ?)",
                (new_sid("VL"), found.sid, request.channel, now),
            )
            attempts = _attempts(db, found.sid)
        self._carrier.accept(_send_request(request, found.code))
        return found, attempts

    def check(self, service_sid: str, key: str, code: str) -> Verification | None:
        """Compare a code; return how the verification stands, or None if there is none to check.

        Args:
            service_sid: The service it must be of.
            key: Its SID or its number.
            code: What the customer typed.

        Raises:
            TwilioError: 60202, five checks have failed.
        """
        now = clock.now().timestamp()
        with self._database.write() as db:
            found = _find(db, service_sid, key)
            if found is None or now >= found.expires_at or found.status in ("approved", "canceled"):
                return None
            if found.checks < MAX_CHECKS:
                right = hmac.compare_digest(found.code.encode(), code.encode())
                status = "approved" if right else "pending"
                return _update(db, replace(found, status=status, checks=found.checks + 1), now)
            _update(db, replace(found, status="max_attempts_reached"), now)
        raise max_checks()

    def find(self, service_sid: str, key: str) -> Found | None:
        """Return a verification that Twilio still has, by SID or number, with its attempts."""
        with self._database.read() as db:
            found = _find(db, service_sid, key)
            if found is None or found.gone(clock.now().timestamp()):
                return None
            return found, _attempts(db, found.sid)

    def settle(self, verification: Verification, status: str) -> Verification:
        """Approve or cancel without a code."""
        with self._database.write() as db:
            return _update(db, replace(verification, status=status), clock.now().timestamp())

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

    def _create(self, db: sqlite3.Connection, request: Request, now: float) -> Verification:
        found = Verification(
            id=0,
            sid=new_sid("VE"),
            service_sid=request.service_sid,
            to_number=request.to,
            channel=request.channel,
            code=request.code or new_code(),
            status="pending",
            checks=0,
            created_at=now,
            updated_at=now,
            expires_at=now + LIFETIME * self._config.verify_pace,
        )
        db.execute(
            "INSERT INTO verification VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                found.sid,
                found.service_sid,
                found.to_number,
                found.channel,
                found.code,
                found.status,
                found.checks,
                found.created_at,
                found.updated_at,
                found.expires_at,
            ),
        )
        return found


def _again(db: sqlite3.Connection, old: Verification, request: Request, now: float) -> Verification:
    return _update(db, replace(old, channel=request.channel, code=request.code or old.code), now)


def _update(db: sqlite3.Connection, v: Verification, now: float) -> Verification:
    db.execute(
        "UPDATE verification SET channel = ?, code = ?, status = ?, checks = ?, updated_at = ?"
        " WHERE sid = ?",
        (v.channel, v.code, v.status, v.checks, now, v.sid),
    )
    return replace(v, updated_at=now)


def _send_request(request: Request, code: str) -> SendRequest:
    text = f"Your {request.name} verification code is: {code}"
    spoken = f"Call: your code is {' '.join(code)}"
    call = request.channel == "call"
    return SendRequest(
        to=request.to,
        sender=SENDER,
        service_sid=None,
        body=spoken if call else text,
        callback_url=None,
        direction="verify-call" if call else "verify-sms",
    )


def _find(db: sqlite3.Connection, service_sid: str, key: str) -> Verification | None:
    if key.startswith("+"):
        return _newest(db, service_sid, key)
    row = db.execute(
        "SELECT * FROM verification WHERE sid = ? AND service_sid = ?", (key, service_sid)
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
