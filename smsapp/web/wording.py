"""The sentences of the customers' pages: errors, waits and times in plain words."""

import math
from datetime import datetime

from smsapp import clock, errors
from smsapp.errors import SmsappError
from smsapp.models import Channel
from smsapp.recipients.verification import Verdict

# By code: what an error page says, as its heading and a sentence below.
_PAGES = {
    errors.InvalidRequest.code: (
        "We could not read that",
        "The page may have been open for too long. Nothing was changed. "
        "Go back to the start and try again.",
    ),
    errors.Forbidden.code: (
        "You may not see this page",
        "If you came here from one of our pages, go back to the start and try again.",
    ),
    errors.NotFound.code: (
        "We cannot find that page",
        "If you typed the address, check that it is right.",
    ),
    errors.MethodNotAllowed.code: (
        "We cannot find that page",
        "This address is not one to open by itself. Go back to the start.",
    ),
    errors.BodyTooLarge.code: (
        "That is more than we can take",
        "What was sent is too large. Nothing was changed.",
    ),
    errors.RateLimited.code: (
        "That was too often",
        "To keep everyone safe, this can be done a few times only. You can go on {wait}.",
    ),
    errors.DatabaseAway.code: (
        "This page is not working just now",
        "It is not your fault, and nothing was changed. Try again {wait}.",
    ),
    errors.Bug.code: (
        "Something went wrong on our side",
        "It is not your fault. Try again later. If it happens again, tell us the number below.",
    ),
}

_ANY_OTHER = ("That did not work", "Nothing was changed. Go back to the start and try again.")

# By code: what a form says when no code can be sent.
_SENDING = {
    errors.RateLimited.code: ("We cannot send another code yet. You can ask for one {wait}"),
    errors.Landline.code: ("A text cannot reach this number: it is a landline. {instead}"),
    errors.DestinationBlocked.code: "We cannot send codes to this number. Enter another one",
    errors.CountryNotServed.code: (
        "We send no codes to numbers of that country. Enter a number of another one"
    ),
    errors.CallsNotOffered.code: "We do not call with codes. Ask for a text",
    errors.InvalidRequest.code: "This number is not in use, as far as we can tell. Check it",
    errors.ProviderUnavailable.code: (
        "We cannot send codes just now. It is not your fault. Try again {wait}"
    ),
    errors.BudgetSpent.code: (
        "We have sent all the codes that we can for now. It is not your fault. Try again {wait}"
    ),
    errors.VerifyNotConfigured.code: "Codes cannot be sent here yet. Please tell the shop",
    errors.VerifyMisconfigured.code: "Codes cannot be sent this way. Please tell the shop",
}

# By code: what a form says when a code cannot be checked.
_CHECKING = {
    errors.RateLimited.code: "There were too many wrong codes. Ask for a new one",
    errors.ProviderUnavailable.code: (
        "We cannot check codes just now. Yours may well be right: enter it again {wait}"
    ),
    errors.VerifyNotConfigured.code: "Codes cannot be checked here yet. Please tell the shop",
    errors.VerifyMisconfigured.code: "Codes cannot be checked just now. Please tell the shop",
    errors.InvalidRequest.code: "That is no code that we could have sent. Check it",
}


SENT_AGAIN = {
    Channel.SMS: "We have sent you a code again.",
    Channel.CALL: "We are calling you now.",
}


def page(error: SmsappError) -> tuple[str, str]:
    """Return the heading and the sentence of an error's page."""
    heading, sentence = _PAGES.get(error.code, _ANY_OTHER)
    return heading, sentence.format(wait=wait(error.retry_after))


def not_sent(error: SmsappError, offers_calls: bool) -> str:
    """Return why no code was sent, for the form; with what else there is to do."""
    instead = "We can call it with the code instead" if offers_calls else "Enter a mobile number"
    sentence = _SENDING.get(error.code, error.text)
    return sentence.format(wait=wait(error.retry_after), instead=instead)


def not_checked(error: SmsappError) -> str:
    """Return why a code was not checked, for the form."""
    return _CHECKING.get(error.code, error.text).format(wait=wait(error.retry_after))


def too_often(error: SmsappError) -> str:
    """Return what a form says that was sent too often."""
    return f"That was too often. You can go on {wait(error.retry_after)}"


def not_approved(verdict: Verdict) -> str:
    """Return what a wrong or an expired code is answered with."""
    if verdict.status != "pending":
        return "That code has expired. Ask for a new one"
    if verdict.tries_left == 0:
        return "That code is wrong too, and there are no tries left. Ask for a new one"
    return "That code is wrong. Check it, or ask for a new one"


def wait(seconds: float | None) -> str:
    """Return a wait, rounded up: "in 1 minute"."""
    if not seconds or seconds <= 0:
        return "in a moment"
    if seconds < 60:
        return f"in {_count(math.ceil(seconds), 'second', 'seconds')}"
    if seconds <= 90 * 60:
        return f"in {_count(math.ceil(seconds / 60), 'minute', 'minutes')}"
    return f"in {_count(math.ceil(seconds / 3600), 'hour', 'hours')}"


def wait_until(at: datetime) -> str:
    """Return how long it is until then, in words; nothing where that is past."""
    seconds = (at - clock.now()).total_seconds()
    return wait(seconds) if seconds > 0 else ""


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
