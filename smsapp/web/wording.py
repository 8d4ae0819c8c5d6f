"""The sentences of the customers' pages: errors, waits and times in plain words."""

import math
from datetime import UTC, datetime, timedelta
from typing import Literal

from babel.dates import format_date, format_timedelta

from smsapp import clock, errors
from smsapp.errors import SmsappError
from smsapp.languages import ENGLISH, N_
from smsapp.models import Channel
from smsapp.recipients.verification import Verdict
from smsapp.trace import status_text
from smsapp.web.language import current, gettext

# By code: what an error page says, as its heading and a sentence below.
_PAGES = {
    errors.InvalidRequest.code: (
        N_("We could not read that"),
        N_(
            "The page may have been open for too long. Nothing was changed. "
            "Go back to the start and try again."
        ),
    ),
    errors.Forbidden.code: (
        N_("You may not see this page"),
        N_("If you came here from one of our pages, go back to the start and try again."),
    ),
    errors.NotFound.code: (
        N_("We cannot find that page"),
        N_("If you typed the address, check that it is right."),
    ),
    errors.MethodNotAllowed.code: (
        N_("We cannot find that page"),
        N_("This address is not one to open by itself. Go back to the start."),
    ),
    errors.BodyTooLarge.code: (
        N_("That is more than we can take"),
        N_("What was sent is too large. Nothing was changed."),
    ),
    errors.RateLimited.code: (
        N_("That was too often"),
        N_("To keep everyone safe, this can be done a few times only. You can go on %(wait)s."),
    ),
    errors.DatabaseAway.code: (
        N_("This page is not working just now"),
        N_("It is not your fault, and nothing was changed. Try again %(wait)s."),
    ),
    errors.Bug.code: (
        N_("Something went wrong on our side"),
        N_("It is not your fault. Try again later. If it happens again, tell us the number below."),
    ),
}

_ANY_OTHER = (
    N_("That did not work"),
    N_("Nothing was changed. Go back to the start and try again."),
)

# By code: what a form says when no code can be sent.
_SENDING = {
    errors.RateLimited.code: N_("We cannot send another code yet. You can ask for one %(wait)s"),
    errors.DestinationBlocked.code: N_("We cannot send codes to this number. Enter another one"),
    errors.CountryNotServed.code: N_(
        "We send no codes to numbers of that country. Enter a number of another one"
    ),
    errors.CallsNotOffered.code: N_("We do not call with codes. Ask for a text"),
    errors.WayNotOffered.code: N_("We do not send codes this way. Ask for a text"),
    errors.InvalidRequest.code: N_("This number is not in use, as far as we can tell. Check it"),
    errors.ProviderUnavailable.code: N_(
        "We cannot send codes just now. It is not your fault. Try again %(wait)s"
    ),
    errors.BudgetSpent.code: N_(
        "We have sent all the codes that we can for now. It is not your fault. Try again %(wait)s"
    ),
    errors.VerifyNotConfigured.code: N_("Codes cannot be sent here yet. Please tell the shop"),
    errors.VerifyMisconfigured.code: N_("Codes cannot be sent this way. Please tell the shop"),
}

# The same of a landline, by whether we call.
_LANDLINE = {
    True: N_(
        "A text cannot reach this number: it is a landline. We can call it with the code instead"
    ),
    False: N_("A text cannot reach this number: it is a landline. Enter a mobile number"),
}

# By code: what a form says when a code cannot be checked.
_CHECKING = {
    errors.RateLimited.code: N_("There were too many wrong codes. Ask for a new one"),
    errors.ProviderUnavailable.code: N_(
        "We cannot check codes just now. Yours may well be right: enter it again %(wait)s"
    ),
    errors.VerifyNotConfigured.code: N_("Codes cannot be checked here yet. Please tell the shop"),
    errors.VerifyMisconfigured.code: N_("Codes cannot be checked just now. Please tell the shop"),
    errors.InvalidRequest.code: N_("That is no code that we could have sent. Check it"),
}


SENT_AGAIN = {
    Channel.SMS: N_("We have sent you a code again."),
    Channel.CALL: N_("We are calling you now."),
    Channel.WHATSAPP: N_("We have sent you a code on WhatsApp."),
}


def page(error: SmsappError) -> tuple[str, str]:
    """Return the heading and the sentence of an error's page."""
    heading, sentence = _PAGES.get(error.code, _ANY_OTHER)
    return gettext(heading), gettext(sentence, wait=wait(error.retry_after))


def not_sent(error: SmsappError, offers_calls: bool) -> str:
    """Return why no code was sent, for the form; with what else there is to do."""
    if isinstance(error, errors.Landline):
        return gettext(_LANDLINE[offers_calls])
    sentence = _SENDING.get(error.code, _ANY_OTHER[0])
    return gettext(sentence, wait=wait(error.retry_after))


def not_checked(error: SmsappError) -> str:
    """Return why a code was not checked, for the form."""
    sentence = _CHECKING.get(error.code, _ANY_OTHER[0])
    return gettext(sentence, wait=wait(error.retry_after))


def too_often(error: SmsappError) -> str:
    """Return what a form says that was sent too often."""
    return gettext("That was too often. You can go on %(wait)s", wait=wait(error.retry_after))


def not_approved(verdict: Verdict) -> str:
    """Return what a wrong or an expired code is answered with."""
    if verdict.status != "pending":
        return gettext("That code has expired. Ask for a new one")
    if verdict.tries_left == 0:
        return gettext("That code is wrong too, and there are no tries left. Ask for a new one")
    return gettext("That code is wrong. Check it, or ask for a new one")


def wait(seconds: float | None) -> str:
    """Return a wait, rounded up: "in 1 minute"."""
    if not seconds or seconds <= 0:
        return gettext("in a moment")
    if seconds < 60:
        return _in(timedelta(seconds=math.ceil(seconds)), "second")
    if seconds <= 90 * 60:
        return _in(timedelta(minutes=math.ceil(seconds / 60)), "minute")
    return _in(timedelta(hours=math.ceil(seconds / 3600)), "hour")


def _in(time: timedelta, unit: Literal["second", "minute", "hour"]) -> str:
    """Return when it is over, counted in this unit alone, as app.js counts on."""
    return format_timedelta(
        time, unit, threshold=math.inf, add_direction=True, locale=current().locale
    )


def wait_until(at: datetime) -> str:
    """Return how long it is until then, in words; nothing where that is past."""
    seconds = (at - clock.now()).total_seconds()
    return wait(seconds) if seconds > 0 else ""


def moment(at: datetime) -> str:
    """Return a time as "2 June 2026 at 09:00 UTC"."""
    language, at = current(), at.astimezone(UTC)
    if language.code == ENGLISH.code:
        return status_text.moment(at)
    day = format_date(at, "long", locale=language.locale)
    return language.joined(day, f"{language.time_of_day(at)} UTC")
