"""Whether a number may be texted, and if not, why. There is one rule, and it is here."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from smsapp.models import Consent, ConsentAction, Phone, Reason
from smsapp.recipients import opt_out

_CONSENT_STATES = (
    select(
        Phone.phone_key,
        Phone.erased_at.is_not(None).label("was_erased"),
        Phone.is_test,
        opt_out.in_force_for(Phone.phone_key).label("opted_out"),
        Consent.seq,
        Consent.purpose,
        Consent.action,
        Consent.mac,
    )
    .outerjoin(Consent, Consent.phone_key == Phone.phone_key)
    .where(Phone.phone_key.in_(bindparam("phone_keys", expanding=True)))
    .order_by(Phone.phone_key, Consent.seq)
)


@dataclass(frozen=True, slots=True)
class ConsentState:
    """All that permission for one number rests on.

    opted_out: Whether an opt-out is in force.
    consents: The number's rows of the ledger (seq, purpose, action, mac), oldest first.
    was_erased: Whether the person was ever erased.
    is_listed: Whether ALLOWED_RECIPIENTS has the number, or is empty.
    is_known: Whether we still have the number.
    """

    opted_out: bool = False
    consents: tuple[Row[Any], ...] = ()
    was_erased: bool = False
    is_listed: bool = True
    is_known: bool = True

    def agreed_to(self, purpose: str) -> bool:
        """Whether the latest row for a purpose is a grant."""
        rows = [row for row in self.consents if row.purpose == purpose]
        return bool(rows) and rows[-1].action is ConsentAction.GRANTED


@dataclass(frozen=True, slots=True)
class Permission:
    """An answer: why not, or None; and the ledger's row it rests on, None for none."""

    refusal: Reason | None
    consent_seq: int | None = None


def consent_states(
    conn: Connection, numbers: Mapping[str, str | None], allowed: frozenset[str]
) -> dict[str, ConsentState]:
    """Return the facts of each number, {phone key: E.164 or None}, to ask
    may_text about.

    Read in the transaction that writes the attempt, with the numbers locked (phones.py), so
    that no attempt is committed after its number's STOP.
    """
    found = conn.execute(_CONSENT_STATES, {"phone_keys": list(numbers)}).all()
    known: dict[str, ConsentState] = {}
    for key, rows in groupby(found, key=itemgetter(0)):
        first, *more = rows
        e164 = numbers[key]
        known[key] = ConsentState(
            opted_out=first.opted_out,
            consents=() if first.seq is None else (first, *more),
            was_erased=first.was_erased,
            # Nothing leaves of a test, whatever its number.
            is_listed=not allowed or first.is_test or e164 in allowed,
            is_known=e164 is not None,
        )
    return known


def may_text(known: ConsentState, purpose: str, *, brings_consent: bool = True) -> Permission:
    """Return whether this number may now be texted for this purpose.

    An opt-out is above every consent. Of the ledger the latest row for the purpose counts. Where
    there is none, the consent that the event itself brings along counts, but not after an
    erasure: then only the customer's own grant does. An event that brings none along was refused
    when it came in; what was accepted need not ask for it again.

    By the rows alone and by no clock: one that is set back must not overrun a STOP.
    """
    if known.opted_out:
        return Permission(Reason.OPTED_OUT)
    if not known.is_listed:
        return Permission(Reason.NOT_ALLOWED)
    rows = [row for row in known.consents if row.purpose == purpose]
    if rows and rows[-1].action is ConsentAction.WITHDRAWN:
        return Permission(Reason.CONSENT_WITHDRAWN, rows[-1].seq)
    if (not rows and known.was_erased) or not known.is_known:
        return Permission(Reason.CONSENT_WITHDRAWN)
    if not rows and not brings_consent:
        return Permission(Reason.NO_CONSENT)
    return Permission(None, rows[-1].seq if rows else None)
