"""What those on call are told, in as few words as they can act by at 3 a.m."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from smsapp.models import IncidentState

# What is answered to take all that one was told of.
ALL = 99
# In a call a key stands in its place.
TAKE_IT = "Reply 1 to take it."
# Codes for one incident.
CODES = range(10, ALL)
# Of a list in a text no more are named.
NAMED = 4


def page(incident: Any, code: int | None, link: str) -> str:
    """Return the text that wakes somebody."""
    again = "Still open: " if incident.round or incident.step else ""
    return f"{again}{_title(incident)} {_how(code, link)}"


def last_resort(incident: Any, code: int | None, link: str) -> str:
    """Return the same where nobody has answered."""
    return f"NOBODY ANSWERS: {_title(incident)} {_how(code, link)}"


def bundle(count: int, newest: Any, link: str) -> str:
    """Return the text about those that somebody was not told of one by one."""
    return (
        f"And {count} more: {link} The newest: {_title(newest)} Reply {ALL} to take all of yours."
    )


def news(state: IncidentState, by: str | None, incidents: Sequence[Any]) -> str:
    """Return the text that says who has these, or that they are over; the newest comes first."""
    newest, more = incidents[0], len(incidents) - 1
    which = f"{newest.title}{f', and {more} more' if more else ''}"
    if state is IncidentState.RESOLVED:
        return f"Over: {which}."
    return f"{by} has it: {which}." if not more else f"{by} has these: {which}."


def taken(incidents: Sequence[Any]) -> str:
    """Return the answer to whoever has taken these."""
    if len(incidents) == 1:
        return f"You have it: {incidents[0].title}."
    return f"You have {len(incidents)} incidents, the newest: {incidents[0].title}."


def stands(incident: Any, zone: ZoneInfo) -> str:
    """Return how an incident stands that somebody wanted to take."""
    if incident.state is IncidentState.RESOLVED:
        return f"It is over since {clock(incident.resolved_at, zone)}: {incident.title}."
    if incident.state is IncidentState.ACKNOWLEDGED:
        since = clock(incident.acknowledged_at, zone)
        return f"{incident.acknowledged_by} has had it since {since}: {incident.title}."
    return f"It is open: {incident.title}."


def which(codes: Collection[tuple[int | None, Any]]) -> str:
    """Return the answer to a 1 that may mean several."""
    shown = [f"{code} {incident.title[:40]}" for code, incident in codes if code][:NAMED]
    more = len(codes) - len(shown)
    rest = f"; and {more} more" if more else ""
    return f"Which? Reply {'; '.join(shown)}{rest}. Or {ALL} for all."


def unknown(code: int) -> str:
    """Return the answer to a code that nothing of theirs has."""
    return f"No incident of yours has the code {code}."


def clock(at: datetime, zone: ZoneInfo) -> str:
    """Return a time as it is on the rota's clock."""
    return f"{at.astimezone(zone):%H:%M}"


def _how(code: int | None, link: str) -> str:
    # By ear the last sentence is left out, for it ends with a link.
    several = f"If several are open reply {code}, or open" if code else "Or open"
    return f"{TAKE_IT} {several} {link}"


def _title(incident: Any) -> str:
    if incident.test_of:
        return f"{incident.title}."
    count = f" ({incident.events} times)" if incident.events > 1 else ""
    return f"{incident.severity.upper()}: {incident.title}{count}."
