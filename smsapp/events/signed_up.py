"""`signed_up`: a customer has agreed to texts on our own page, which is confirmed by one.

No service tells us so: we do ourselves, once for each code that was entered.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from smsapp import extensions
from smsapp.config import Settings
from smsapp.events import accepting
from smsapp.events.fields import HOW_TO_STOP, Event, opening
from smsapp.events.kind import Kind
from smsapp.recipients.purposes import PURPOSES

log = logging.getLogger(__name__)


class SignedUp(Event):
    """A customer with the code of a verification agreed to these purposes, at least one."""

    verification: str
    purposes: tuple[str, ...]


def words(event: SignedUp, settings: Settings) -> str:
    """Return the text that says what was agreed to, and how to take it back."""
    *first, last = (PURPOSES[name].title.lower() for name in event.purposes)
    listed = f"{', '.join(first)} and {last}" if first else last
    return (
        f"{opening(settings)}You agreed to get {listed} by text. Reply HELP for help.{HOW_TO_STOP}"
    )


SIGNED_UP = Kind(
    name="signed_up",
    title="Sign-up confirmed",
    purpose="",  # one of those agreed to
    body=SignedUp,
    about="verification",
    subject=lambda event: event.verification,
    content=lambda event: [*event.purposes],
    words=words,
    max_age=lambda _settings: timedelta(hours=1),
)


def confirm(e164: str, verify_sid: str, agreed: Sequence[str]) -> None:
    """Text a customer what they have just agreed to, if the shop wants that; a worker sends it."""
    if not (agreed and extensions.settings().confirm_sign_ups):
        return
    event = SignedUp.model_validate(
        {
            "eventId": f"sign-up-{verify_sid}",
            "phone": e164,
            "verification": verify_sid,
            "purposes": tuple(agreed),
        }
    )
    try:
        accepting.accept(replace(SIGNED_UP, purpose=agreed[0]), event, None, respond_async=True)
    except (SQLAlchemyError, TimeoutError):  # they have signed up all the same
        log.exception("sign-up not confirmed", extra={"event_id": event.event_id})
