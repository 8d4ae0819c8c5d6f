"""Whether a number may be texted, and if not, why."""

from collections.abc import Iterable

from sqlalchemy import Connection

from smsapp.models import Reason
from smsapp.recipients import opt_out


def refusals(
    conn: Connection, phones: Iterable[tuple[str, str]], allowed: frozenset[str]
) -> dict[str, Reason]:
    """Return, by phone key, why a number may not be texted; those not in it may be.

    Asked when a delivery is accepted and again when it is claimed, in the transaction that
    writes the attempt, with the numbers locked (phones.lock_to_text).

    Args:
        phones: (phone key, E.164) of each.
        allowed: ALLOWED_RECIPIENTS; empty means everyone.
    """
    phones = list(phones)
    found = dict.fromkeys(opt_out.in_force(conn, {key for key, _ in phones}), Reason.OPTED_OUT)
    if allowed:
        for key, e164 in phones:
            if e164 not in allowed:
                found.setdefault(key, Reason.NOT_ALLOWED)
    return found
