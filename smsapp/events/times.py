"""Days and times of day in a text: by the recipient's own clock."""

from datetime import date, datetime

from babel.dates import format_skeleton, get_timezone_gmt

from smsapp.quiet_hours import zones_of

_LOCALE = "en"


def time_of_day(at: datetime, e164: str) -> str:
    """Return when it is for whoever has the number: "14:00".

    Where they may be in zones that differ, by the clock that the service wrote it by, and so
    said: "14:00 GMT-06:00".
    """
    local = _local(at, e164)
    return f"{local or at:%H:%M}{'' if local else f' {get_timezone_gmt(at, locale=_LOCALE)}'}"


def moment(at: datetime, e164: str) -> str:
    """Return the same with its day: "Fri, Dec 4, 14:00"."""
    return f"{day(_local(at, e164) or at)}, {time_of_day(at, e164)}"


def day(on: date) -> str:
    """Return a day as people write it: "Fri, Dec 4"."""
    return format_skeleton("MMMEd", on, locale=_LOCALE)


def _local(at: datetime, e164: str) -> datetime | None:
    """Return what the recipient's clock shows; None where nobody can tell."""
    shown = {at.astimezone(zone).replace(tzinfo=None) for zone in zones_of(e164)}
    return shown.pop() if len(shown) == 1 else None
