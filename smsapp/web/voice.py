"""What Twilio asks in a call, and posts about one: answered with TwiML, or with nothing."""

import re
import uuid
from typing import Any

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from twilio.twiml.voice_response import VoiceResponse

from smsapp import metrics
from smsapp.delivery import receipts
from smsapp.errors import InvalidCallback
from smsapp.extensions import csrf, limiter, settings
from smsapp.languages import ENGLISH
from smsapp.voice import incoming as calls
from smsapp.voice import outgoing, speech, status, voicemail
from smsapp.voice.incoming import Caller
from smsapp.voice.outgoing import Answered
from smsapp.web import guards

PREFIX = "/twilio/voice"
bp = Blueprint("voice", __name__, url_prefix=PREFIX)
csrf.exempt(bp)  # the signature is stronger than a CSRF token
limiter.request_filter(lambda: request.blueprint == bp.name)  # nothing here is limited

# Where nobody listens to the answer: one that says that we failed is posted again.
_POSTS = frozenset(f"{PREFIX}/{name}" for name in ("status", "recording", "transcription"))

# Of what somebody said, to find a word of the menu's in.
MAX_SPEECH = 500

_SID = re.compile(r"CA[0-9a-f]{32}")
_RECORDING_SID = re.compile(r"RE[0-9a-f]{32}")
_KEYS = re.compile(r"[0-9*#]{0,32}")
_WORD = re.compile(r"[a-z_]{1,30}")


@bp.post("/delivery")
@guards.twilio_signed
def delivery() -> ResponseReturnValue:
    """Say a delivery to whoever has answered."""
    return _said(outgoing.say_delivery(_answered()))


@bp.post("/key")
@guards.twilio_signed
def key() -> ResponseReturnValue:
    """Do what a key asks for that was pressed in a call about a delivery."""
    return _said(outgoing.press(_answered(), _keys()))


@bp.post("/incoming")
@guards.twilio_signed
def incoming() -> ResponseReturnValue:
    """Answer somebody who rings."""
    fields = request.form
    caller = Caller(
        _call_sid(),
        fields.get("From", ""),
        fields.get("AccountSid", ""),
        fields.get("StirVerstat", ""),
    )
    return _said(calls.begin(caller))


@bp.post("/menu")
@guards.twilio_signed
def menu() -> ResponseReturnValue:
    """Do what a caller has pressed or said."""
    said = request.form.get("SpeechResult", "")[:MAX_SPEECH]
    return _said(calls.choose(_call_sid(), _place(), _keys(), said))


@bp.post("/order")
@guards.twilio_signed
def order() -> ResponseReturnValue:
    """Say how a caller's order stands."""
    return _said(calls.order(_call_sid(), _place(), _keys()))


@bp.post("/dialed")
@guards.twilio_signed
def dialed() -> ResponseReturnValue:
    """Go on after another phone has rung."""
    return _said(calls.dialed(_place(), request.form.get("DialCallStatus", "")))


@bp.post("/recorded")
@guards.twilio_signed
def recorded() -> ResponseReturnValue:
    """Thank for a message; its recording is posted elsewhere."""
    return _said(calls.recorded(_place(), hung_up=request.form.get("Digits") == "hangup"))


@bp.post("/recording")
@guards.twilio_signed
def recording() -> ResponseReturnValue:
    """Take a message that somebody left."""
    fields = request.form
    call_sid, sid = _call_sid(), _recording_sid()
    seconds = fields.get("RecordingDuration", "0")
    if _is_ours() and fields.get("RecordingStatus") == "completed" and seconds.isdecimal():
        voicemail.keep(sid, call_sid, int(seconds))
    return Response(status=204)


@bp.post("/transcription")
@guards.twilio_signed
def transcription() -> ResponseReturnValue:
    """Take what was said in a message, in writing."""
    fields = request.form
    call_sid, sid = _call_sid(), _recording_sid()
    words = fields.get("TranscriptionText", "").strip()
    is_written = fields.get("TranscriptionStatus") == "completed"
    if _is_ours():
        voicemail.write_down(sid, call_sid, words if is_written and words else None)
    return Response(status=204)


@bp.post("/status")
@guards.twilio_signed
def status_callback() -> ResponseReturnValue:
    """Take what becomes of a call."""
    if "ParentCallSid" in request.form:  # whom a caller was put through to: told by the action
        return Response(status=204)
    said = status.read(request.form)
    if said is None:
        metrics.count(metrics.REFUSED, "fields")
        raise InvalidCallback
    g.log_fields = {"call_sid": said.sid, "status": said.status}
    took = status.take(said, request.form, request.args.get("attempt", type=uuid.UUID))
    if took:
        g.log_fields = receipts.log_fields(*took)
    return Response(status=204)


@bp.post("/fallback")
@guards.twilio_signed
def fallback() -> ResponseReturnValue:
    """Apologise where Twilio got no good answer of ours; nothing is asked of the database."""
    return _said(speech.apology(ENGLISH, {}))


def answer_error(http_status: int) -> ResponseReturnValue:
    """Return an error as TwiML: a fault of ours is spoken; where nobody listens, it is a status."""
    is_ours = http_status >= 500
    if is_ours and request.path not in _POSTS:
        return _said(speech.apology(ENGLISH, {}))
    answer = _said(VoiceResponse())
    answer.status_code = http_status
    return answer


def _answered() -> Answered:
    return Answered(
        request.args.get("attempt", type=uuid.UUID),
        _call_sid(),
        _word("AnsweredBy"),
        request.args.get("wrong", 0, type=int),
    )


def _call_sid() -> str:
    sid = request.form.get("CallSid", "")
    if not _SID.fullmatch(sid):
        metrics.count(metrics.REFUSED, "fields")
        raise InvalidCallback
    g.log_fields = {"call_sid": sid}
    return sid


def _recording_sid() -> str:
    sid = request.form.get("RecordingSid", "")
    if not _RECORDING_SID.fullmatch(sid):
        metrics.count(metrics.REFUSED, "fields")
        raise InvalidCallback
    g.log_fields["recording_sid"] = sid
    return sid


def _is_ours() -> bool:
    return request.form.get("AccountSid") == settings().twilio_account_sid


def _place() -> dict[str, Any]:
    """Return where a caller is, from our own address."""
    args = request.args
    return {
        "at": args.get("at", ""),
        "lang": args.get("lang", ""),
        "miss": args.get("miss", 0, type=int),
        "step": args.get("step", 0, type=int),
    }


def _keys() -> str:
    keys = request.form.get("Digits", "")
    return keys if _KEYS.fullmatch(keys) else ""


def _word(name: str) -> str | None:
    word = request.form.get(name, "")
    return word if _WORD.fullmatch(word) else None


def _said(answer: VoiceResponse) -> Response:
    # A GET may be kept by Twilio, and an answer is of one call and one moment alone.
    headers = {"Content-Type": "text/xml; charset=utf-8", "Cache-Control": "no-store"}
    return Response(str(answer), headers=headers)
