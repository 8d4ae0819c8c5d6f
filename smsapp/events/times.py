"""Days and times of day in a text: by the recipient's own clock, in the event's language."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, get_timezone_gmt

from smsapp.languages import Language
from smsapp.quiet_hours import zones_of


def time_of_day(at: datetime, e164: str, language: Language, zone: str | None = None) -> str:
    """Return when it is for whoever has the number: "14:00".

    Where they may be in zones that differ, by the clock that the service wrote it by, and so
    said: "14:00 GMT-06:00". With the zone of where it happens, by the clock there, which is said
    where theirs may show something else.
    """
    there, is_theirs = _clock(at, e164, zone)
    shown = language.time_of_day(there)
    return shown if is_theirs else f"{shown} {get_timezone_gmt(there, locale=language.locale)}"


def moment(at: datetime, e164: str, language: Language, zone: str | None = None) -> str:
    """Return the same with its day: "Fri, Dec 4, 14:00"."""
    there, _ = _clock(at, e164, zone)
    return language.joined(day(there, language), time_of_day(at, e164, language, zone))


def day(on: date, language: Language) -> str:
    """Return a day as people write it: "Fri, Dec 4"."""
    return format_skeleton("MMMEd", on, locale=language.locale)


def _clock(at: datetime, e164: str, zone: str | None) -> tuple[datetime, bool]:
    """Return an instant by the clock that counts, and whether the recipient's shows the same."""
    theirs = [at.astimezone(zone) for zone in zones_of(e164)]
    shown = {local.replace(tzinfo=None) for local in theirs}
    if zone:
        there = at.astimezone(ZoneInfo(zone))
        return there, shown == {there.replace(tzinfo=None)}
    return (theirs[0], True) if len(shown) == 1 else (at, False)
