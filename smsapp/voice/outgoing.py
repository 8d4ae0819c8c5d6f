"""What is said to somebody whom we have called: a delivery's words, and what they may press.

State is in the address and the database alone: a call outlives a deploy.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select
from twilio.twiml.voice_response import Gather, VoiceResponse

from smsapp import languages
from smsapp.delivery.channels import ASK_FOR_KEY
from smsapp.extensions import database_now, db, settings
from smsapp.languages import Language
from smsapp.models import Attempt, CallDirection, Channel, Delivery, Phone
from smsapp.providers.calls import MACHINE
from smsapp.recipients import phones
from smsapp.voice import call_rows, speech
from smsapp.voice.key_answers import KEY_ANSWERS, KeyAnswer, Pressed

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
    key = asked_for(about.kind, about.body, language)
    if key and not MACHINE.fullmatch(call.by or ""):
        _ask(answer, key, _words(about.body, language, key), language, call)
        return answer
    # A machine has said its own, and records; a person may have missed the beginning.
    words = _words(about.body, language, key, asks=False)
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
        key = asked_for(about.kind, about.body, language)
        done = None
        # Once it is done the message may ask for it no more; pressed again it says the same.
        wanted = KEY_ANSWERS.get(about.kind)
        if wanted and keys == wanted.key:
            done = wanted.press(
                conn,
                Pressed(
                    keys,
                    about.id.hex,
                    about.subject,
                    about.phone_key,
                    about.e164 or "",
                    call.sid,
                    language,
                    now,
                ),
            )
    _ = language.gettext
    if wanted and keys == wanted.key:
        _say(answer, done or _("There is nothing left to answer."), language)
        return _goodbye(answer, language)
    _say(answer, _("That key has no meaning here."), language)
    if key and call.wrong < MAX_WRONG_KEYS:
        again = Answered(call.attempt_id, call.sid, call.by, call.wrong + 1)
        _ask(answer, key, _words(about.body, language, key), language, again)
        return answer
    return _goodbye(answer, language)


def asked_for(kind: str, body: str, language: Language) -> KeyAnswer | None:
    """Return what a message asks for by a key; None where it asks for nothing."""
    key = KEY_ANSWERS.get(kind) if kind in ASK_FOR_KEY else None
    return key if key and language.gettext(key.replaces) in body else None


def _about(conn: Connection, call: Answered) -> Any | None:
    """Return what a call is about; None where there are no words any more."""
    row = conn.execute(_OF_ATTEMPT, {"of": call.attempt_id}).one_or_none()
    return row if row is not None and row.body else None


def _words(body: str, language: Language, key: KeyAnswer | None, *, asks: bool = True) -> str:
    _ = language.gettext
    # How texts are stopped is not how calls are.
    words = body.removesuffix(_("Reply STOP to stop.")).rstrip()
    if key:
        words = words.replace(_(key.replaces), _(key.asks) if asks else "")
    return speech.spoken(words)


def _ask(
    answer: VoiceResponse, key: KeyAnswer, words: str, language: Language, call: Answered
) -> None:
    """Say words that ask for a key, twice, and listen all the while."""
    action = f"/twilio/voice/key?attempt={call.attempt_id}&wrong={call.wrong}"
    # Nothing pressed makes no request: what stands next is said then.
    for _ in range(2):
        gather = Gather(num_digits=1, action=action, timeout=ANSWER_SECONDS, finish_on_key="")
        speech.say(gather, words, language, voices())
        answer.append(gather)
    _goodbye(answer, language)


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
