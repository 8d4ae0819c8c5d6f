"""Whether a number may be texted, and if not, why. There is one rule, and it is here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from smsapp.models import ConsentAction, OptOut, Phone, Reason
from smsapp.recipients import consent

_OPT_OUTS = select(OptOut.phone_key, OptOut.created_at, OptOut.lifted_at).where(
    OptOut.phone_key.in_(bindparam("phone_keys", expanding=True))
)
_ERASED = select(Phone.phone_key, Phone.erased_at).where(
    Phone.phone_key.in_(bindparam("phone_keys", expanding=True)), Phone.erased_at.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that permission for one number rests on.

    opt_outs: (from, until) of each, until being None while it is in force.
    consents: The number's rows of the ledger, oldest first.
    erased_at: When the person was last erased.
    is_listed: Whether ALLOWED_RECIPIENTS has the number, or is empty.
    is_known: Whether we still have the number.
    """

    opt_outs: tuple[tuple[datetime, datetime | None], ...] = ()
    consents: tuple[Row[Any], ...] = ()
    erased_at: datetime | None = None
    is_listed: bool = True
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Permission:
    """An answer: why not, or None; and the ledger's row it rests on, None for none."""

    refusal: Reason | None
    consent_seq: int | None = None


def facts(
    conn: Connection, numbers: Mapping[str, str | None], allowed: frozenset[str]
) -> dict[str, Facts]:
    """Return the facts of each number, {phone key: E.164 or None}, to ask
    may_text about.

    Read in the transaction that writes the attempt, with the numbers locked (phones.py), so
    that no attempt is committed after its number's STOP.
    """
    keys = {"phone_keys": list(numbers)}
    opt_outs: dict[str, list[tuple[datetime, datetime | None]]] = {key: [] for key in numbers}
    for row in conn.execute(_OPT_OUTS, keys):
        opt_outs[row.phone_key].append((row.created_at, row.lifted_at))
    erased = {row.phone_key: row.erased_at for row in conn.execute(_ERASED, keys)}
    ledger = consent.rows_of(conn, numbers)
    return {
        key: Facts(
            tuple(opt_outs[key]),
            tuple(ledger[key]),
            erased.get(key),
            not allowed or e164 in allowed,
            e164 is not None,
        )
        for key, e164 in numbers.items()
    }


def may_text(known: Facts, purpose: str, at: datetime) -> Permission:
    """Return whether this number may be texted for this purpose at this time.

    An opt-out is above every consent. Of the ledger the latest row for the purpose counts. Where
    there is none, the consent that the event itself brings along counts, but not after an
    erasure: then only the customer's own grant does.
    """
    if any(begun <= at and (ended is None or at < ended) for begun, ended in known.opt_outs):
        return Permission(Reason.OPTED_OUT)
    if not known.is_listed:
        return Permission(Reason.NOT_ALLOWED)
    rows = [row for row in known.consents if row.purpose == purpose and row.at <= at]
    if rows and rows[-1].action is ConsentAction.WITHDRAWN:
        return Permission(Reason.CONSENT_WITHDRAWN, rows[-1].seq)
    was_erased = known.erased_at is not None and known.erased_at <= at
    if (not rows and was_erased) or not known.is_known:
        return Permission(Reason.CONSENT_WITHDRAWN)
    return Permission(None, rows[-1].seq if rows else None)
