"""Countries that Twilio takes no texts to from our sender: their texts wait, and all others leave.

They stand on the sender's row, so that whoever reads how it stands knows of them at no cost. Texts
that wait become due when the next of them may try, and if that one is refused, later again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from smsapp.delivery import sender
from smsapp.delivery.sender import CountryHold, SenderSettings, SenderState
from smsapp.models import Channel, Delivery, DeliveryState, Phone

# One text tries after so long, and then each time after as long as it has been held already: what
# somebody has to allow at Twilio first takes them minutes or days.
LEAST_WAIT = timedelta(seconds=30)
MOST_WAIT = timedelta(minutes=10)
# The one that was refused comes after the others, or it alone would try each time.
BEHIND = timedelta(seconds=1)
# Texts that are put off at once.
MAX_PUT_OFF = 5000

_WAITING = (
    select(Delivery.id)
    .join(Phone, Phone.phone_key == Delivery.phone_key)
    .where(
        Delivery.state == DeliveryState.PENDING,
        Delivery.channel == bindparam("on_channel"),
        Phone.country == bindparam("to_country"),
    )
    .limit(MAX_PUT_OFF)
    .with_for_update(of=Delivery, skip_locked=True)
)
_SET_DUE = update(Delivery).values(due_at=bindparam("new_due_at"))
_PUT_OFF = _SET_DUE.where(
    Delivery.id.in_(_WAITING.where(Delivery.due_at <= bindparam("now")).scalar_subquery())
)
_RELEASE = _SET_DUE.where(
    Delivery.id.in_(
        _WAITING.where(
            Delivery.due_at.in_(bindparam("put_off_to", expanding=True))
        ).scalar_subquery()
    )
)


def trip(
    conn: Connection, name: str, country: str, code: int, now: datetime
) -> tuple[datetime, bool]:
    """Hold a country; return when one that was refused is due again, and whether this is news."""
    holds = sender.read_state(conn, name, lock=True).held_countries
    before = holds.get(country)
    since = before.since if before else now
    # Where it was half-opened what waits is due then, and so it stays.
    probe_at = before.probe_at if before and before.probe_at > now else _next_try(since, now)
    hold = CountryHold(code, since, probe_at)
    _write(conn, name, holds | {country: hold})
    return hold.probe_at + BEHIND, before is None or before.code != code


def close(conn: Connection, name: str, channel: Channel, country: str, now: datetime) -> bool:
    """Let texts leave to a country again; return True if it was held."""
    hold = sender.read_state(conn, name).held_countries.get(country)
    if hold is None:
        return False
    conn.execute(
        _RELEASE,
        {
            "on_channel": channel,
            "to_country": country,
            "new_due_at": now,
            "put_off_to": [hold.probe_at, hold.probe_at + BEHIND],
        },
    )
    holds = sender.read_state(conn, name, lock=True).held_countries
    holds.pop(country, None)
    _write(conn, name, holds)
    return True


def let_through(
    conn: Connection,
    of: SenderSettings,
    state: SenderState,
    rows: Sequence[Any],
    countries: Mapping[str, str],
    now: datetime,
) -> tuple[list[Any], set[Any]]:
    """Put off what is due to held countries, but for one text of each that may try.

    Args:
        conn: The connection of the claim.
        of: What they leave from.
        state: How it stands.
        rows: The deliveries that are due.
        countries: The country of each phone key.
        now: The database's time.

    Returns:
        What may leave, and the ids of those among it that try.
    """
    holds = state.held_countries
    if not holds:
        return list(rows), set()
    through, trying = [], {}
    for row in rows:
        country = countries[row.phone_key]
        if country not in holds:
            through.append(row)
        elif country not in trying and _half_open(conn, of.name, country, now):
            trying[country] = row.id
            through.append(row)
    holds = sender.read_state(conn, of.name).held_countries
    for country in {countries[row.phone_key] for row in rows} & holds.keys():
        then = holds[country].probe_at
        put_off = {"on_channel": of.channel, "to_country": country, "now": now, "new_due_at": then}
        conn.execute(_PUT_OFF, put_off)
    return through, set(trying.values())


def _half_open(conn: Connection, name: str, country: str, now: datetime) -> bool:
    """Return True to one caller each time that it is due, who may try one text."""
    holds = sender.read_state(conn, name, lock=True).held_countries
    hold = holds.get(country)
    # Nobody waits for longer than MOST_WAIT: beyond, the clock was set back.
    if hold is None or now < hold.probe_at <= now + MOST_WAIT:
        return hold is None
    tried = CountryHold(hold.code, hold.since, _next_try(hold.since, now))
    _write(conn, name, holds | {country: tried})
    return True


def _next_try(since: datetime, now: datetime) -> datetime:
    return now + min(MOST_WAIT, max(LEAST_WAIT, now - since))


def _write(conn: Connection, name: str, holds: Mapping[str, CountryHold]) -> None:
    columns = {country: hold.as_json() for country, hold in holds.items()}
    sender.write(conn, name, {"country_holds": columns or None})
