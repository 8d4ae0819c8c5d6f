"""A customer's session: a signed cookie without a phone number in it.

It holds an id of its own, and up to two things: a code that is on its way, tied to one Verify
SID and one number, and the customer who is signed in. Whether that still holds is asked of the
database with every request: an erasure and a sign-out end all sessions of a number.
"""

import secrets
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta

from flask import flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from smsapp import clock
from smsapp.languages import ENGLISH, Language
from smsapp.models import Channel
from smsapp.recipients import asker, customers
from smsapp.recipients.asker import Asker
from smsapp.recipients.customers import Visitor
from smsapp.web import guards
from smsapp.web.guards import View
from smsapp.web.language import gettext, of_words

# From the approval on, however busy the customer is: a copied cookie is not good for long.
LASTS = timedelta(minutes=30)

_CODE, _CUSTOMER, _ID = "code", "customer", "id"


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code on its way, and what was ticked with it. Times are ISO 8601.

    `language` is that of the words that were ticked, whatever the page is shown in since.
    """

    phone_key: str
    verify_sid: str
    channel: str
    purposes: tuple[str, ...]
    began: str
    resend_at: str
    is_landline: bool = False
    language: str = ENGLISH.code  # of a session that began before there were others

    @property
    def texts_arrive(self) -> bool:
        """Whether the number can be texted: not a landline that the code reaches another way."""
        return self.channel == Channel.SMS or not self.is_landline

    @property
    def agreed(self) -> tuple[str, ...] | None:
        """What is agreed to once the code is entered; None where texts never arrive: unasked."""
        return self.purposes if self.texts_arrive else None

    @property
    def called(self) -> bool:
        """Whether the code is spoken in a call."""
        return self.channel == Channel.CALL

    @property
    def on_whatsapp(self) -> bool:
        """Whether the code comes on WhatsApp."""
        return self.channel == Channel.WHATSAPP


def identity() -> str:
    """Return the session's id, for counting what is done in it."""
    session.permanent = True
    return str(session.setdefault(_ID, secrets.token_urlsafe(16)))


def this_asker() -> Asker:
    """Return who asks for codes and enters them: this session, on this network."""
    return asker.visitor(identity(), guards.network())


def remember_code(sent: CodeSent) -> None:
    """Keep that a code is on its way, in place of any before it."""
    identity()
    # Without what is as usual: the process of the last release, which may answer next, knows of
    # no language and no landline.
    usual = {each.name: each.default for each in fields(CodeSent)}
    kept = asdict(sent).items()
    session[_CODE] = {name: value for name, value in kept if value != usual[name]}


def sign_in(sent: CodeSent, at: datetime) -> None:
    """Let the customer in who entered the code: a new session, with nothing of the old one."""
    session.clear()
    identity()
    session[_CUSTOMER] = {
        "phone_key": sent.phone_key,
        "verify_sid": sent.verify_sid,
        "began": at.isoformat(),
        "texts_arrive": sent.texts_arrive,
    }


def sign_out() -> None:
    """Forget everything."""
    session.clear()


def customer() -> tuple[Visitor, str] | None:
    """Return who is signed in, and their number; None for nobody, or where it has ended."""
    kept = session.get(_CUSTOMER)
    if kept is None:
        return None
    began = datetime.fromisoformat(kept["began"])
    e164 = customers.number_in_session(kept["phone_key"], began)
    if e164 is None or clock.now() - began > LASTS:
        return None
    return visitor(kept["phone_key"], kept["verify_sid"], of_words()), e164


def texts_arrive() -> bool:
    """Whether the number of who is signed in can be texted, as far as their code told."""
    return bool(session.get(_CUSTOMER, {}).get("texts_arrive", True))


def visitor(phone_key: str, verify_sid: str, language: Language) -> Visitor:
    """Return a customer as this request shows them, with words in a language before them."""
    address = guards.client_address()
    seen_at = None if address is None else str(address)
    return Visitor(phone_key, verify_sid, seen_at, request.user_agent.string, language)


def signed_in(view: View) -> View:
    """Let a customer in whose session holds, as g.visitor with g.e164; others to the start."""
    return guards.guarded(view, "session", _check_customer)


def _check_customer() -> ResponseReturnValue | None:
    found = customer()
    if found is None:
        session.pop(_CUSTOMER, None)
        flash(gettext("Confirm your number to go on. For your safety that holds for 30 minutes."))
        return redirect(url_for("pages.start"), 303)
    g.visitor, g.e164 = found
    return None


def waiting_for_code(view: View) -> View:
    """Let somebody in who was sent a code, as g.code with g.e164; others to the start."""
    return guards.guarded(view, "session", _check_code_sent)


def _check_code_sent() -> ResponseReturnValue | None:
    kept = session.get(_CODE)
    sent = CodeSent(**kept | {"purposes": tuple(kept["purposes"])}) if kept else None
    e164 = sent and customers.number_in_session(sent.phone_key, datetime.fromisoformat(sent.began))
    if e164 is None:
        session.pop(_CODE, None)
        return redirect(url_for("pages.start"), 303)
    g.code, g.e164 = sent, e164
    return None
