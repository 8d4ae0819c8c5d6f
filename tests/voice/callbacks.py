"""What Twilio posts about a call, field by field, as it came in over real lines.

Each callback says which call it is and who is at its ends; what it says beside is its own. Twilio
adds fields without notice, so a test may not rely on there being no others.
"""

from typing import Any

CALLER, SHOP = "+15005550010", "+15005550006"
CALL, OTHER_LEG = "CA" + "c" * 32, "CA" + "d" * 32
RECORDING = "RE" + "b" * 32
RECORDING_URL = f"https://api.twilio.com/2010-04-01/Accounts/AC{'a' * 32}/Recordings/{RECORDING}"

Fields = dict[str, str]

CALL_ALONE = {"AccountSid": "AC" + "a" * 32, "CallSid": CALL}


def _where(end: str, city: str, state: str, code: str, country: str) -> Fields:
    """Return where one end of a call is said to be."""
    return {
        f"{end}City": city,
        f"{end}State": state,
        f"{end}Zip": code,
        f"{end}Country": country,
    }


AT_HOME, ABROAD, NOWHERE = ("NEW YORK", "NY", "10004", "US"), ("", "", "", "GB"), ("", "", "", "")


def _call(status: str, caller: str, called: str, direction: str, home: Any = AT_HOME) -> Fields:
    ends = {"From": caller, "Caller": caller, "To": called, "Called": called}
    places = _where("From", *home) | _where("Caller", *home)
    places |= _where("To", *ABROAD) | _where("Called", *ABROAD)
    said = {"ApiVersion": "2010-04-01", "CallStatus": status, "Direction": direction}
    return CALL_ALONE | said | ends | places


def _in(status: str = "in-progress", **more: str) -> Fields:
    """Return what is said of a call to the shop."""
    return _call(status, CALLER, SHOP, "inbound") | more


def _out(status: str = "in-progress", **more: str) -> Fields:
    """Return what is said of a call from the shop."""
    return _call(status, SHOP, CALLER, "outbound-api") | more


def _progress(status: str, number: int, **more: str) -> Fields:
    """Return a status callback of a call from the shop: the so-manieth, five seconds apart."""
    at = f"Thu, 12 Feb 2026 11:48:{25 + 5 * number} +0000"
    order = {"CallbackSource": "call-progress-events", "SequenceNumber": str(number)}
    return _out(status, Timestamp=at, **order, **more)


def _ended(status: str, number: int, seconds: int = 0, **more: str) -> Fields:
    minutes = str(-(-seconds // 60))
    return _progress(status, number, Duration=minutes, CallDuration=str(seconds), **more)


_KEYS = {"FinishedOnKey": "", "msg": "Gather End"}
_RECORDED = {
    "RecordingUrl": RECORDING_URL,
    "RecordingSid": RECORDING,
    "RecordingDuration": "7",
}
_OF_RECORDING = CALL_ALONE | {
    "RecordingSource": "RecordVerb",
    "RecordingSid": RECORDING,
    "RecordingUrl": RECORDING_URL,
    "RecordingChannels": "1",
    "RecordingStartTime": "Thu, 12 Feb 2026 11:48:41 +0000",
}


def _written(status: str, text: str) -> Fields:
    """Return what is said of a transcript, which knows nothing of where the ends are."""
    of_call = _in("completed")
    places = ("City", "State", "Zip", "Country")
    bare = {name: value for name, value in of_call.items() if not name.endswith(places)}
    sid = "TR" + "e" * 32
    return bare | {
        "RecordingSid": RECORDING,
        "RecordingUrl": RECORDING_URL,
        "TranscriptionSid": sid,
        "TranscriptionStatus": status,
        "TranscriptionText": text,
        "TranscriptionType": "fast",
        "TranscriptionUrl": f"{RECORDING_URL}/Transcriptions/{sid}",
        "url": "https://app.example/twilio/voice/transcription",
    }


SAID: dict[str, Fields] = {
    "incoming_call": _in(
        "ringing",
        CallToken='{"parentCallInfoToken":"eyJ..."}',
        StirVerstat="TN-Validation-Passed-A",
    ),
    "incoming_call_withheld": _call("ringing", "anonymous", SHOP, "inbound", NOWHERE),
    "outgoing_call_answered": _out(),
    "outgoing_call_answered_sync_amd": _out(AnsweredBy="human"),
    "gather_digits": _out(Digits="1", **_KEYS),
    "gather_finished_on_key": _in(Digits="1234", **_KEYS | {"FinishedOnKey": "#"}),
    "gather_empty_with_actionOnEmptyResult": _in(Digits="", **_KEYS),
    "gather_speech": _in(SpeechResult="I want to talk to support.", Confidence="0.9127"),
    "dial_action_answered": _in(
        DialCallStatus="completed",
        DialCallSid=OTHER_LEG,
        DialCallDuration="37",
        DialBridged="true",
    ),
    "dial_action_no_answer": _in(
        DialCallStatus="no-answer", DialCallSid=OTHER_LEG, DialBridged="false"
    ),
    "record_action": _in(Digits="#", **_RECORDED),
    "record_action_caller_hung_up": _in("completed", Digits="hangup", **_RECORDED),
    "recording_status_completed": _OF_RECORDING
    | {"RecordingStatus": "completed", "RecordingDuration": "7", "ErrorCode": "0"},
    "recording_status_absent": _OF_RECORDING | {"RecordingStatus": "absent"},
    "transcription_completed": _written("completed", "Please call me back."),
    "transcription_failed": _written("failed", ""),
    "status_initiated": _progress("initiated", 0),
    "status_ringing": _progress("ringing", 1),
    "status_answered": _progress("in-progress", 2),
    "status_completed": _ended("completed", 3, 49),
    "status_completed_sync_amd": _ended("completed", 3, 49, AnsweredBy="human"),
    "status_busy": _ended("busy", 2, SipResponseCode="486"),
    "status_no_answer": _ended("no-answer", 2, SipResponseCode="487"),
    "status_failed": _ended("failed", 1, SipResponseCode="404"),
    "status_canceled": _ended("canceled", 1),
    "fallback": _in(
        "ringing", ErrorCode="11200", ErrorUrl="https://app.example/twilio/voice/incoming"
    ),
    "child_leg_status": _ended("completed", 3, 12, ParentCallSid=CALL)
    | {"CallSid": OTHER_LEG, "Direction": "outbound-dial"},
}
