"""What the app is asked in a call, and told about one: fields, signatures, callbacks."""

import uuid
from collections.abc import Mapping
from urllib.parse import urldefrag, urlencode, urlsplit

import urllib3
from sqlalchemy.orm import Session
from twilio.request_validator import RequestValidator

from smsapp import clock, phone
from smsapp.sandbox.calls import twiml
from smsapp.sandbox.calls.call import ENDED, Call
from smsapp.sandbox.calls.twiml import Verb
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.inbound.twiml import BadTwiml
from smsapp.sandbox.message import API_VERSION, Receipt, rfc2822

# Source: https://www.twilio.com/docs/api/errors/11205
CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
_EVENT_OF = {"in-progress": "answered"} | dict.fromkeys(ENDED, "completed")


class NoAnswer(Exception):
    """The app gave nothing that can be heard; its text says why, as Twilio's code and words."""


def fields(desk: Desk, call: Call) -> dict[str, str]:
    """Return what is posted with everything about a call; what is not known is sent blank."""
    places = {"From": call.from_number, "To": call.to_number}
    places |= {"Caller": call.from_number, "Called": call.to_number}
    of_places: dict[str, str] = {}
    for name, number in places.items():
        of_places |= {f"{name}City": "", f"{name}State": "", f"{name}Zip": ""}
        of_places[f"{name}Country"] = phone.country(number) if number.startswith("+") else ""
    return {
        "AccountSid": desk.config.account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status,
        "Direction": call.direction,
        **places,
        **of_places,
        **({"AnsweredBy": call.answered_by} if call.answered_by else {}),
    }


def ask(desk: Desk, call: Call, url: str, more: Mapping[str, str]) -> list[Verb]:
    """Ask the app what comes next, and its fallback where it gives nothing.

    Raises:
        NoAnswer: Neither did.
    """
    said = fields(desk, call) | dict(more)
    try:
        return _fetch(desk, url, said)
    except NoAnswer as fault:
        if call.fallback_url is None:
            raise
        code = {"ErrorCode": str(fault)[:5], "ErrorUrl": url}
        return _fetch(desk, call.fallback_url, said | code)


def _fetch(desk: Desk, url: str, said: Mapping[str, str]) -> list[Verb]:
    url = urldefrag(url).url
    if not desk.config.reaches(urlsplit(url).hostname):
        raise NoAnswer("21205 not an address on this machine")
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    try:
        with urllib3.PoolManager(retries=False) as pool:
            answer = pool.request(
                "POST",
                url,
                body=urlencode(said),
                headers=_headers(desk, url, said),
                timeout=timeout,
                redirect=False,
            )
    except urllib3.exceptions.HTTPError:
        raise NoAnswer("11205 no answer") from None
    if answer.status >= 400:
        raise NoAnswer(f"11200 the app answered {answer.status}")
    try:
        return twiml.read(answer.headers.get("Content-Type", ""), answer.data.decode("utf-8"))
    except (BadTwiml, UnicodeDecodeError) as fault:
        raise NoAnswer(str(fault)) from None


def _headers(desk: Desk, url: str, said: Mapping[str, str]) -> dict[str, str]:
    signer = RequestValidator(desk.config.auth_token)
    return {
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": signer.compute_signature(url, dict(said)),
        "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
        "X-Home-Region": "us1",
    }


def tell(desk: Desk, db: Session, call: Call, event: str | None = None) -> None:
    """Have the app told how a call stands, if it wants to know; as the weather lets it."""
    event = event or _EVENT_OF.get(call.status, call.status)
    if not call.callback_url or event not in call.events:
        return
    said = fields(desk, call) | {
        "CallStatus": event if event == "initiated" else call.status,
        "Timestamp": rfc2822(clock.now().timestamp()),
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(call.sequence),
    }
    if call.is_over:
        minutes = str(-(-call.seconds // 60))
        said |= {"Duration": minutes, "CallDuration": str(call.seconds)}
    if call.sip_code:
        said["SipResponseCode"] = str(call.sip_code)
    call.sequence += 1
    if not desk.weather.strikes("lost_receipts"):
        post(desk, db, call, event, call.callback_url, said)


def post(desk: Desk, db: Session, call: Call, what: str, url: str, said: Mapping[str, str]) -> None:
    """Have something posted to the app, twice where the weather says so."""
    now = clock.now().timestamp()
    due_at = [now]
    if desk.weather.strikes("repeated_receipts"):
        due_at.append(now + desk.weather.between(0.2, 1.0) * desk.config.pace)
    token = str(uuid.uuid4())
    for at in due_at:
        body = urlencode(said)
        db.add(Receipt(sid=call.sid, status=what, url=url, body=body, token=token, due_at=at))
