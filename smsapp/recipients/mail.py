"""Who may be written to by e-mail, and where: the addresses that stand beside the numbers."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update
from sqlalchemy.orm import aliased

from smsapp.models import Consent, ConsentAction, Phone
from smsapp.recipients import opt_out
from smsapp.recipients.purposes import EMAIL

# What a row of `phone` holds where no address is known.
NONE: dict[str, Any] = {
    "email": None,
    "email_at": None,
    "email_is_own": False,
    "email_to_confirm": None,
}

_Later = aliased(Consent)
# Whether their last word about e-mail was that they want none.
_IS_WITHDRAWN = exists().where(
    Consent.phone_key == Phone.phone_key,
    Consent.purpose == EMAIL,
    Consent.action == ConsentAction.WITHDRAWN,
    ~exists().where(
        _Later.phone_key == Consent.phone_key,
        _Later.purpose == EMAIL,
        _Later.seq > Consent.seq,
    ),
)
_ADDRESSES = select(Phone.phone_key, Phone.email).where(
    Phone.phone_key.in_(bindparam("phone_keys", expanding=True)),
    Phone.email.is_not(None),
    ~_IS_WITHDRAWN,
    ~opt_out.in_force_for(Phone.phone_key),
)
_REMEMBER = (
    update(Phone)
    .where(
        Phone.phone_key == bindparam("of"),
        Phone.e164.is_not(None),
        # As with consent: after an erasure only what they say themselves counts.
        Phone.erased_at.is_(None),
        Phone.email_is_own.is_(False),
        func.coalesce(Phone.email, "") != bindparam("address"),
        ~_IS_WITHDRAWN,
    )
    .values(email=bindparam("address"), email_at=bindparam("at"))
)


def address_of(conn: Connection, phone_keys: Collection[str]) -> dict[str, str]:
    """Return the addresses, {phone key: address}, of those who may be written to by e-mail.

    Not of those who want no e-mails, nor of those who have opted out: a STOP is a STOP on every
    channel.
    """
    rows = conn.execute(_ADDRESSES, {"phone_keys": list(phone_keys)})
    return {row.phone_key: row.email for row in rows}


def remember(conn: Connection, addresses: Mapping[str, str], at: datetime) -> None:
    """Write down addresses, {phone key: address}, that came with events.

    The caller is alone with the numbers (phones.lock). What their people said themselves stays:
    their own address, and that they want no e-mails.
    """
    rows = [{"of": key, "address": addresses[key], "at": at} for key in sorted(addresses)]
    conn.execute(_REMEMBER, rows)
