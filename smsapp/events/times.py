"""Days and times of day in a text: by the recipient's own clock, in the event's language."""

from datetime import date, datetime

from babel.dates import format_skeleton, format_time, get_datetime_format, get_timezone_gmt

from smsapp.languages import Language
from smsapp.quiet_hours import zones_of


def time_of_day(at: datetime, e164: str, language: Language) -> str:
    """Return when it is for whoever has the number: "14:00".

    Where they may be in zones that differ, by the clock that the service wrote it by, and so
    said: "14:00 GMT-06:00".
    """
    local = _local(at, e164)
    shown = format_time(local or at, _pattern(language), locale=language.locale)
    return shown if local else f"{shown} {get_timezone_gmt(at, locale=language.locale)}"


def moment(at: datetime, e164: str, language: Language) -> str:
    """Return the same with its day: "Fri, Dec 4, 14:00"."""
    both = str(get_datetime_format("medium", locale=language.locale))
    return both.format(time_of_day(at, e164, language), day(_local(at, e164) or at, language))


def day(on: date, language: Language) -> str:
    """Return a day as people write it: "Fri, Dec 4"."""
    return format_skeleton("MMMEd", on, locale=language.locale)


def _pattern(language: Language) -> str:
    """Return how a time of day is written: in English with 24 hours, which all can read."""
    if language.code == "en":
        return "HH:mm"
    # In full, for of a Korean afternoon the short form says "PM".
    return str(language.locale.time_formats["short"].pattern).replace("a", "aaaa")


def _local(at: datetime, e164: str) -> datetime | None:
    """Return what the recipient's clock shows; None where nobody can tell."""
    shown = {at.astimezone(zone).replace(tzinfo=None) for zone in zones_of(e164)}
    return shown.pop() if len(shown) == 1 else None
