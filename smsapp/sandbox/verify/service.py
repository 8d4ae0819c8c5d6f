"""Twilio Verify: one code per number and ten minutes, sent and checked."""

import hmac
import secrets
from email.message import EmailMessage

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from smsapp import clock
from smsapp.sandbox import addresses, carrier
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.errors import TwilioError
from smsapp.sandbox.mail import mailbox
from smsapp.sandbox.message import iso8601, new_message, new_sid
from smsapp.sandbox.verify.verification import Attempt, Verification

# Not the shop's number: Twilio sends codes from numbers of its own.
SENDER = "TWVerify"
MAIL_SENDER = "Twilio Verify <verify@sandbox.invalid>"
# Seconds that a code is good for, however often it is sent.
LIFETIME = 600
MAX_SENDS = MAX_CHECKS = 5
CODE_DIGITS = 6
# What a code comes in, by its locale; in all others the sandbox speaks English.
_TEXTS = {
    "en": "Your {shop} verification code is: {code}",
    "de": "Ihr {shop}-Bestätigungscode lautet: {code}",
    "ko": "{shop} 인증 코드는 {code}입니다",
    "hi": "आपका {shop} सत्यापन कोड है: {code}",
}
_CALLS = {
    "en": "Call: your code is {code}",
    "de": "Anruf: Ihr Code lautet {code}",
    "ko": "전화: 코드는 {code}입니다",
    "hi": "कॉल: आपका कोड है {code}",
}


def send(desk: Desk, service_sid: str, to: str, channel: str, locale: str) -> Verification:
    """Send a code one of Verify's ways, or the same again while it is good.

    `locale` is its language, one of Verify's; without one it is English.

    Raises:
        TwilioError: 60203, it has been sent often enough.
    """
    now = clock.now().timestamp()
    query = select(Verification).where(
        Verification.to_number == to, Verification.service_sid == service_sid
    )
    with desk.database.write() as db:
        found = db.scalar(query.order_by(Verification.id.desc()).limit(1))
        if found is None or not found.pending(now):
            found = Verification(
                sid=new_sid("VE"),
                service_sid=service_sid,
                to_number=to,
                code=f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}",
                created_at=now,
                expires_at=now + LIFETIME,
            )
            db.add(found)
        elif len(found.attempts) >= MAX_SENDS:
            raise TwilioError(60203)
        found.channel, found.updated_at = channel, now
        found.attempts.append(Attempt(sid=new_sid("VL"), channel=channel, at=now))
    shop = desk.config.verify_friendly_name
    words = _TEXTS.get(locale, _TEXTS["en"]).format(shop=shop, code=found.code)
    if channel == "email":
        _mail(desk, to, words, found)
        return found
    if channel == "call":
        words = _CALLS.get(locale, _CALLS["en"]).format(code=" ".join(found.code))
        message = new_message("verify-call", to, SENDER, words)
    elif channel == "whatsapp":
        on_whatsapp = addresses.of(to, channel)
        message = new_message("verify-whatsapp", on_whatsapp, addresses.of(SENDER, channel), words)
    else:
        message = new_message("verify-sms", to, SENDER, words)
    carrier.accept(desk, message)
    return found


def _mail(desk: Desk, to: str, words: str, sent: Verification) -> None:
    """Put a code into the mailbox, as Verify's mailer would have it arrive."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = MAIL_SENDER, to, words.rpartition(":")[0] or words
    mail["Message-ID"] = f"<{sent.attempts[-1].sid}@sandbox.invalid>"
    mail.set_content(words)
    mailbox.keep(desk, to, mail.as_bytes())


def check(desk: Desk, service_sid: str, sid: str, code: str) -> Verification | None:
    """Compare a code; return how the verification stands, or None if there is none to check.

    Raises:
        TwilioError: 60202, five checks have failed.
    """
    now = clock.now().timestamp()
    with desk.database.write() as db:
        found = _find(db, service_sid, sid)
        if found is None or now >= found.expires_at or found.status in ("approved", "canceled"):
            return None
        found.updated_at = now
        if found.checks < MAX_CHECKS:
            found.checks += 1
            right = hmac.compare_digest(found.code.encode(), code.encode())
            found.status = "approved" if right else "pending"
            return found
        found.status = "max_attempts_reached"
    raise TwilioError(60202)


def cancel(desk: Desk, service_sid: str, sid: str) -> Verification | None:
    """Cancel a verification, unless Twilio has deleted it."""
    now = clock.now().timestamp()
    with desk.database.write() as db:
        found = _find(db, service_sid, sid)
        if found is None or found.gone(now):
            return None
        found.status, found.updated_at = "canceled", now
    return found


def expire(desk: Desk) -> None:
    """Let the time of every pending code be over."""
    pending = Verification.status == "pending"
    with desk.database.write() as db:
        db.execute(update(Verification).where(pending).values(expires_at=0))


def codes(desk: Desk) -> list[dict[str, object]]:
    """Return what `GET /codes.json` promises to tests: every code sent, newest first."""
    query = select(Attempt).options(joinedload(Attempt.verification)).order_by(Attempt.id.desc())
    with desk.database.read() as db:
        return [
            {
                "to": sent.verification.to_number,
                "code": sent.verification.code,
                "channel": sent.channel,
                "sid": sent.verification.sid,
                "createdAt": iso8601(sent.at),
            }
            for sent in db.scalars(query)
        ]


def _find(db: Session, service_sid: str, sid: str) -> Verification | None:
    return db.scalar(
        select(Verification).where(Verification.sid == sid, Verification.service_sid == service_sid)
    )
