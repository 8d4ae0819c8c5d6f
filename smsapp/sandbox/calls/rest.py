"""Calls, recordings and transcriptions: start, look up, list, end, hear, delete."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from smsapp import clock
from smsapp.phone import InvalidPhone, parse_e164
from smsapp.sandbox.calls import call as calls
from smsapp.sandbox.calls import line, recordings
from smsapp.sandbox.calls.call import Call, Recording, new_call
from smsapp.sandbox.desk import Desk, this_desk
from smsapp.sandbox.errors import CALL_TEST_RECIPIENTS, TEST_SENDER, TwilioError
from smsapp.sandbox.message import API_VERSION
from smsapp.sandbox.rest import failures
from smsapp.sandbox.rest.protocol import list_page, nothing_here, speak_as
from smsapp.sandbox.rest.send_request import read_callback

ACCOUNT = f"/{API_VERSION}/Accounts/<account_sid>"
RING_SECONDS, MAX_RING_SECONDS = 60, 600

bp = Blueprint("calls_rest", __name__)
speak_as("api.twilio.com", bp)


@bp.post(f"{ACCOUNT}/Calls.json")
def create(account_sid: str) -> ResponseReturnValue:
    """Call somebody, as the weather lets it."""
    desk = this_desk()
    trouble = desk.weather.trouble()
    failures.fail_before(trouble)
    wanted = _read(desk, request.form)
    shown = wanted.as_twilio(account_sid) | {"date_created": None, "date_updated": None}
    line.place(desk, wanted, rings_for=_ring_seconds(request.form))
    failures.fail_after(trouble)
    return shown, 201


@bp.get(f"{ACCOUNT}/Calls.json")
def page(account_sid: str) -> ResponseReturnValue:
    """List calls, newest first, to one number or all."""
    found = calls.calls(this_desk(), to=request.args.get("To"))
    return list_page("calls", [call.as_twilio(account_sid) for call in found])


@bp.get(f"{ACCOUNT}/Calls/<sid>.json")
def fetch(account_sid: str, sid: str) -> ResponseReturnValue:
    """Look a call up."""
    return _found(sid).as_twilio(account_sid)


@bp.post(f"{ACCOUNT}/Calls/<sid>.json")
def update(account_sid: str, sid: str) -> ResponseReturnValue:
    """End a call that goes on, or cancel one that rings."""
    status = request.form.get("Status", "")
    call = _found(sid)
    try:
        line.end(this_desk(), sid, "canceled" if call.rings and status else status)
    except line.NotNow:
        raise TwilioError(21220) from None
    return _found(sid).as_twilio(account_sid)


@bp.get(f"{ACCOUNT}/Recordings/<sid>.json")
def recording(account_sid: str, sid: str) -> ResponseReturnValue:
    """Show what is known of a recording."""
    return _recording(sid).as_twilio(account_sid)


@bp.get(f"{ACCOUNT}/Recordings/<sid>")
def sound(account_sid: str, sid: str) -> ResponseReturnValue:
    """Give a recording itself: a tone, as a WAV file, whatever was typed."""
    found = _recording(sid.removesuffix(".wav"))
    return Response(recordings.tone(min(found.seconds, 3)), content_type="audio/x-wav")


@bp.delete(f"{ACCOUNT}/Recordings/<sid>.json")
def delete_recording(account_sid: str, sid: str) -> ResponseReturnValue:
    """Delete a recording for good, its transcription with it."""
    _recording(sid)
    with this_desk().database.write() as db:
        found = db.get(Recording, sid)
        if found:
            found.deleted_at, found.words = clock.now().timestamp(), ""
    this_desk().changed()
    return "", 204


@bp.get(f"{ACCOUNT}/Recordings/<sid>/Transcriptions.json")
def transcriptions(account_sid: str, sid: str) -> ResponseReturnValue:
    """List a recording's transcriptions: one at the most."""
    found = _recording(sid)
    rows = [found.transcription(account_sid)] if found.transcription_sid else []
    return list_page("transcriptions", rows)


@bp.get(f"{ACCOUNT}/Transcriptions/<sid>.json")
def transcription(account_sid: str, sid: str) -> ResponseReturnValue:
    """Show a transcription."""
    return _transcribed(sid).transcription(account_sid)


@bp.delete(f"{ACCOUNT}/Transcriptions/<sid>.json")
def delete_transcription(account_sid: str, sid: str) -> ResponseReturnValue:
    """Delete a transcription."""
    with this_desk().database.write() as db:
        found = db.get(Recording, _transcribed(sid).sid)
        if found:
            found.transcription_sid = None
    return "", 204


def _read(desk: Desk, form: Mapping[str, str]) -> Call:
    """Return the call that a form asks for.

    Raises:
        TwilioError: The first objection, as Twilio would give it.
    """
    to, sender, url = form.get("To", ""), form.get("From", ""), form.get("Url", "")
    if not to:
        raise TwilioError(21201)
    if not sender:
        raise TwilioError(21213)
    if urlsplit(url).scheme not in ("http", "https"):
        raise TwilioError(21205, url=url)
    try:
        parse_e164(to)
    except InvalidPhone:
        raise TwilioError(21211, to=to) from None
    if sender not in (desk.config.voice_number, TEST_SENDER):
        raise TwilioError(21210, sender=sender)
    if to in CALL_TEST_RECIPIENTS:
        raise TwilioError(CALL_TEST_RECIPIENTS[to], to=to)
    callback = read_callback(form.get("StatusCallback"))
    events = request.form.getlist("StatusCallbackEvent") or ["completed"]
    fallback = form.get("FallbackUrl") or None
    wanted = new_call("outbound-api", to, sender, url, fallback, callback, events)
    wanted.detects_machines = bool(form.get("MachineDetection"))
    return wanted


def _ring_seconds(form: Mapping[str, str]) -> float:
    text = form.get("Timeout", "")
    return min(float(text), MAX_RING_SECONDS) if text.isdecimal() else RING_SECONDS


def _found(sid: str) -> Call:
    call = calls.find(this_desk(), sid)
    if call is None:
        raise nothing_here()
    return call


def _recording(sid: str) -> Recording:
    with this_desk().database.read() as db:
        found = db.get(Recording, sid)
    if found is None or found.deleted_at:
        raise nothing_here()
    return found


def _transcribed(sid: str) -> Recording:
    with this_desk().database.read() as db:
        found = db.scalar(select(Recording).where(Recording.transcription_sid == sid))
    if found is None or found.deleted_at:
        raise nothing_here()
    return found
