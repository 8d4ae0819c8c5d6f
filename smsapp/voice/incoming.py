"""Calls to the shop: who calls is written down, then the menu says what comes next.

Each key is committed before it is answered: whoever hangs up anywhere leaves nothing half done.
"""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select
from twilio.twiml.voice_response import VoiceResponse

from smsapp import languages
from smsapp.delivery.states import ARRIVED
from smsapp.extensions import database_now, db, settings
from smsapp.languages import ENGLISH, Language
from smsapp.models import Call, CallDirection, Delivery, DeliveryState
from smsapp.phone import phone_key, reported
from smsapp.phone_menu import PhoneMenu
from smsapp.recipients import phones
from smsapp.voice import call_rows, menu, speech
from smsapp.voice.menu import Shop

# Of an order's last words; a person has few deliveries, and the last few say how things stand.
_ORDERS = (
    select(Delivery.subject, Delivery.body, Delivery.locale)
    .join(Call, Call.phone_key == Delivery.phone_key)
    .where(
        Call.sid == bindparam("call"),
        Delivery.purpose == "order_updates",
        Delivery.state.in_([DeliveryState.SENT, *ARRIVED]),
        Delivery.blanked_at.is_(None),
    )
    .order_by(Delivery.id.desc())
    .limit(100)
)
# Whose caller ID the carriers say is forged: such a call is nobody's.
_FORGED = "TN-Validation-Failed"


@dataclass(frozen=True, slots=True)
class Caller:
    """A call as Twilio tells of it; `address` need not be a number: it may be withheld."""

    sid: str
    address: str
    account: str
    verdict: str = ""


def begin(caller: Caller) -> VoiceResponse:
    """Write a call down and return what is heard first."""
    if caller.account != settings().twilio_account_sid:
        answer = VoiceResponse()
        answer.hangup()
        return answer
    is_forged = caller.verdict.startswith(_FORGED)
    number = None if is_forged else reported(caller.address)
    key = phone_key(number or ("forged" if is_forged else caller.address), _key())
    with db.engine.begin() as conn:
        phones.remember_and_lock(conn, {key: number})
        now = database_now(conn)
        call_rows.begin(conn, caller.sid, phones.current(conn, key), CallDirection.INBOUND, now)
    phone_menu = settings().voice_menu
    if phone_menu is None:
        return _takes_no_calls()
    return menu.begin(_shop(phone_menu, now))


def choose(call: str, where: dict[str, Any], keys: str, said: str) -> VoiceResponse:
    """Do what a key or a word asks for."""
    phone_menu = settings().voice_menu
    if phone_menu is None:
        return _takes_no_calls()
    with db.engine.begin() as conn:
        if keys:
            call_rows.press(conn, call, keys)
        shop = _shop(phone_menu, database_now(conn))
    return menu.choose(shop, shop.place(**where), keys, said)


def order(call: str, where: dict[str, Any], keys: str) -> VoiceResponse:
    """Say how the caller's own order with this number stands."""
    phone_menu = settings().voice_menu
    if phone_menu is None:
        return _takes_no_calls()
    with db.engine.begin() as conn:
        if keys:
            call_rows.press(conn, call, keys)
        shop = _shop(phone_menu, database_now(conn))
        status = _status(conn, call, keys)
    return menu.order(shop, shop.place(**where), keys, status)


def dialed(where: dict[str, Any], status: str) -> VoiceResponse:
    """Go on after somebody else's phone has rung."""
    return _after(where, lambda shop, place: menu.dialed(shop, place, status))


def recorded(where: dict[str, Any], *, hung_up: bool) -> VoiceResponse:
    """Thank for a message."""
    return _after(where, lambda shop, place: menu.recorded(shop, place, hung_up=hung_up))


def _after(where: dict[str, Any], what: Any) -> VoiceResponse:
    phone_menu = settings().voice_menu
    if phone_menu is None:
        return _takes_no_calls()
    with db.engine.connect() as conn:
        shop = _shop(phone_menu, database_now(conn))
    answer: VoiceResponse = what(shop, shop.place(**where))
    return answer


def _shop(phone_menu: PhoneMenu, now: Any) -> Shop:
    return Shop(phone_menu, settings().voice_numbers, now)


def _status(conn: Connection, call: str, keys: str) -> tuple[str, Language] | None:
    """Return what was said last of the caller's order with these digits, in its language."""
    if not keys:
        return None
    for row in conn.execute(_ORDERS, {"call": call}):
        if re.sub(r"\D", "", row.subject) == keys:
            return row.body, languages.of(row.locale)
    return None


def _takes_no_calls() -> VoiceResponse:
    answer = VoiceResponse()
    words = ENGLISH.gettext("We take no calls on this number. Please write us a text. Goodbye.")
    speech.say(answer, words, ENGLISH, {})
    answer.hangup()
    return answer


def _key() -> bytes:
    return settings().phone_key_bytes
