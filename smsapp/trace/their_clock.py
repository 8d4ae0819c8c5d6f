"""When something is planned for, as the recipient's own clock will show it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_gmt

from smsapp.quiet_hours import zones_of


def their_clock(at: datetime, time_zone: str | None, e164: str | None) -> str | None:
    """Return a time as "Fri 4 Dec, 09:00 (Europe/Berlin)"; None where nobody can tell.

    Args:
        at: When.
        time_zone: The zone that the event named, if it did.
        e164: The number, whose zone it is otherwise; None for one that is not here any more. Where
            it may be in several that show the same, their offset is named: "09:00 (GMT+01:00)".
    """
    zones = (ZoneInfo(time_zone),) if time_zone else zones_of(e164) if e164 else ()
    if len({at.astimezone(zone).replace(tzinfo=None) for zone in zones}) != 1:
        return None
    local = at.astimezone(zones[0])
    whose = zones[0].key if len(zones) == 1 else get_timezone_gmt(local, locale="en")
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M} ({whose})"
