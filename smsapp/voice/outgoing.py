"""What is said to somebody whom we have called: a delivery's words, and what they may press.

State is in the address and the database alone: a call outlives a deploy.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select
from twilio.twiml.voice_response import Gather, VoiceResponse

from smsapp import languages
from smsapp.extensions import database_now, db, settings
from smsapp.languages import Language
from smsapp.models import Attempt, CallDirection, Channel, Delivery, Phone
from smsapp.providers.calls import MACHINE
from smsapp.recipients import phones
from smsapp.voice import call_rows, speech
from smsapp.voice.key_answers import KEY_ANSWERS, Pressed

# Seconds for a key after each time of asking.
ANSWER_SECONDS = 8
# So often something else than the key is pressed before we say goodbye.
MAX_WRONG_KEYS = 2

_OF_ATTEMPT = (
    select(
        Attempt.id.label("attempt_id"),
        Delivery.id,
        Delivery.kind,
        Delivery.subject,
        Delivery.created_at,
        Delivery.body,
        Delivery.locale,
        Delivery.phone_key,
        Phone.e164,
    )
    .join(Delivery, Delivery.id == Attempt.delivery_id)
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .where(Attempt.id == bindparam("of"), Attempt.channel == Channel.CALL)
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A call of ours that was answered, as Twilio asks what to say; `by` is what it took them for.

    Attributes:
        wrong: How often another key than the one asked for was pressed before.
    """

    attempt_id: uuid.UUID | None
    sid: str
    by: str | None = None
    wrong: int = 0


def say_delivery(call: Answered) -> VoiceResponse:
    """Return what is said to whoever or whatever has picked up."""
    with db.engine.begin() as conn:
        about = _about(conn, call)
        if about is None:
            return _nothing_to_say()
        now = database_now(conn)
        call_rows.begin(
            conn, call.sid, about.phone_key, CallDirection.OUTBOUND, now, about.attempt_id
        )
        call_rows.move(conn, call.sid, "in-progress", 0, now, answered_by=call.by)
    language, answer = languages.of(about.locale), VoiceResponse()
    asked = asked_for(about.kind, about.body, language)
    if asked and not MACHINE.fullmatch(call.by or ""):
        return _ask(answer, asked, language, call)
    # A machine has said its own, and records; a person may have missed the beginning.
    words = _words(about.body, language)
    _say(answer, words, language)
    answer.pause(length=1)
    _say(answer, words, language)
    return _goodbye(answer, language)


def press(call: Answered, keys: str) -> VoiceResponse:
    """Do what a key asks for, before anything is answered; return what is then said."""
    with db.engine.begin() as conn:
        about = _about(conn, call)
        if about is None:
            return _nothing_to_say()
        phones.lock(conn, [about.phone_key])
        language, answer, now = languages.of(about.locale), VoiceResponse(), database_now(conn)
        call_rows.press(conn, call.sid, keys)
        wanted, done = KEY_ANSWERS.get(about.kind), None
        if wanted and keys == wanted.key:
            pressed = Pressed(
                key=keys,
                delivery_id=about.id,
                subject=about.subject,
                told_at=about.created_at,
                phone_key=about.phone_key,
                e164=about.e164 or "",
                call=call.sid,
                language=language,
                at=now,
            )
            done = wanted.press(conn, pressed)
    _ = language.gettext
    if wanted and keys == wanted.key:
        _say(answer, done or _("There is nothing left to answer."), language)
        return _goodbye(answer, language)
    _say(answer, _("That key has no meaning here."), language)
    asked = asked_for(about.kind, about.body, language)
    if asked and call.wrong < MAX_WRONG_KEYS:
        return _ask(answer, asked, language, replace(call, wrong=call.wrong + 1))
    return _goodbye(answer, language)


def asked_for(kind: str, body: str, language: Language) -> str | None:
    """Return a message's words as a call asks for a key; None where it asks for nothing."""
    answer = KEY_ANSWERS.get(kind)
    return answer.asks(body, language) if answer else None


def _about(conn: Connection, call: Answered) -> Any | None:
    """Return what a call is about; None where there are no words any more."""
    row = conn.execute(_OF_ATTEMPT, {"of": call.attempt_id}).one_or_none()
    return row if row is not None and row.body else None


def _words(body: str, language: Language) -> str:
    # How texts are stopped is not how calls are.
    return speech.spoken(body.removesuffix(language.gettext("Reply STOP to stop.")).rstrip())


def _ask(answer: VoiceResponse, asked: str, language: Language, call: Answered) -> VoiceResponse:
    """Say words that ask for a key, twice, and listen all the while."""
    action = f"/twilio/voice/key?attempt={call.attempt_id}&wrong={call.wrong}"
    # Nothing pressed makes no request: what stands next is said then.
    for _ in range(2):
        gather = Gather(num_digits=1, action=action, timeout=ANSWER_SECONDS, finish_on_key="")
        speech.say(gather, _words(asked, language), language, voices())
        answer.append(gather)
    return _goodbye(answer, language)


def _goodbye(answer: VoiceResponse, language: Language) -> VoiceResponse:
    _say(answer, language.gettext("Goodbye."), language)
    answer.hangup()
    return answer


def _nothing_to_say() -> VoiceResponse:
    answer = VoiceResponse()
    answer.hangup()
    return answer


def _say(answer: VoiceResponse, words: str, language: Language) -> None:
    speech.say(answer, words, language, voices())


def voices() -> Mapping[Any, str]:
    """Return the shop's voices, {language: voice}; Twilio's own for those that are not there."""
    menu = settings().voice_menu
    return menu.voices if menu else {}
