"""Confirming a sign-up by a text, if the shop wants that."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from smsapp.events import accepting
from smsapp.events.signed_up import SIGNED_UP, SignedUp
from smsapp.extensions import settings
from smsapp.recipients.purposes import WAYS

log = logging.getLogger(__name__)


def confirm(e164: str, verify_sid: str, agreed: Sequence[str], locale: str) -> None:
    """Text a customer what they have just agreed to, if the shop wants that; a worker sends it."""
    agreed = [name for name in agreed if name not in WAYS]
    if not (agreed and settings().confirm_sign_ups):
        return
    event = SignedUp.model_validate(
        {
            "eventId": f"sign-up-{verify_sid}",
            "phone": e164,
            "locale": locale,
            "verification": verify_sid,
            "purposes": tuple(agreed),
        }
    )
    try:
        accepting.accept(replace(SIGNED_UP, purpose=agreed[0]), event, None, respond_async=True)
    except (SQLAlchemyError, TimeoutError):  # they have signed up all the same
        log.exception("sign-up not confirmed", extra={"event_id": event.event_id})
