"""What a failure at Twilio, or at a mail server, means: what follows, and two plain sentences."""

from dataclasses import dataclass, replace
from enum import StrEnum

from smsapp.providers import (
    mail_codes,
    sip_codes,
    twilio_codes,
    verify_codes,
    voice_codes,
    whatsapp_codes,
)


class ErrorClass(StrEnum):
    """What a failed attempt means for its delivery."""

    TRANSIENT = "transient"  # not sent; the same text may go through later
    PERMANENT = "permanent"  # not sent; trying again would fail the same way
    OPT_OUT = "opt_out"  # the recipient's number must get no more texts
    CONFIGURATION = "configuration"  # not sent; somebody has to change a setting first
    UNKNOWN = "unknown"  # nobody can say whether it was sent


@dataclass(frozen=True, slots=True)
class ErrorMeaning:
    """One failure in plain words.

    Attributes:
        error_class: What follows for the delivery.
        cause: One sentence for a support person.
        next_step: One sentence: what to do now.
        holds_sender: Every further text would fail alike until an operator acts, or a day is over.
        holds_country: Every further text to the country would fail alike until somebody acts.
        suspects_sender: Nobody knows whose fault it is: the sender's, where others meet it too.
        slows_sender: Texts leave faster than Twilio or the carriers take them.
        elsewhere: Another channel may reach the same person.
        by_template: The same channel may take it as an approved template, once.
        code: Twilio's code, or a mail server's or SIP's, of three digits; None where it gave none.
    """

    error_class: ErrorClass
    cause: str
    next_step: str
    holds_sender: bool = False
    holds_country: bool = False
    suspects_sender: bool = False
    slows_sender: bool = False
    elsewhere: bool = False
    by_template: bool = False
    code: int | None = None

    @property
    def docs_url(self) -> str | None:
        """The page of Twilio's error dictionary about the code; None without one."""
        is_twilios = self.code and self.code >= 1000
        return f"https://www.twilio.com/docs/api/errors/{self.code}" if is_twilios else None


def meaning(code: int | None, http_status: int | None = None) -> ErrorMeaning:
    """Return what a failure means, whatever Twilio said about it.

    Args:
        code: Twilio's error code, or a mail server's; None or 0 where it gave none.
        http_status: That of the answer to the call; None for a receipt, which has none.
    """
    if code and code in _KNOWN:
        return _KNOWN[code]
    return replace(_unlisted(code, http_status), code=code or None)


def _unlisted(code: int | None, http_status: int | None) -> ErrorMeaning:
    """Judge a failure by its HTTP status alone, or by a mail server's first digit."""
    if code and code // 100 in _UNLISTED_REPLIES:
        return _UNLISTED_REPLIES[code // 100]
    if http_status is None:
        return _UNLISTED_CODE if code else _NO_CODE
    if http_status == 429:
        return _TOO_MANY_REQUESTS
    # A 401 is about who we are, whatever its code; a 403 with a code may be about one text only.
    if http_status == 401 or (http_status == 403 and not code):
        return _NOT_ALLOWED
    # 408 is a proxy's: it gave up waiting and cannot say for what.
    if 400 <= http_status < 500 and http_status != 408:
        return _UNLISTED_CODE if code else _REFUSED
    return _NOT_KNOWN


def code_label(code: int | None) -> str:
    """Return a code as a metric's label: only those of our list, or there would be no end."""
    if not code:
        return "none"
    return str(code) if code in _KNOWN else "other"


_UNLISTED_CODE = ErrorMeaning(
    ErrorClass.PERMANENT,
    "Twilio or the carrier refused this text for a reason that is not in our list.",
    "Look the error code up in Twilio's error dictionary.",
    suspects_sender=True,
)
_NO_CODE = ErrorMeaning(
    ErrorClass.PERMANENT,
    "The text was not delivered, and neither Twilio nor the carrier gave a reason.",
    "Reach the customer another way, and ask Twilio's support with the message SID if it matters.",
)
_REFUSED = ErrorMeaning(
    ErrorClass.PERMANENT,
    "The request was refused without an error code from Twilio.",
    "Check that Twilio's address and any proxy on the way to it are set up correctly.",
    suspects_sender=True,
)
_TOO_MANY_REQUESTS = ErrorMeaning(
    ErrorClass.TRANSIENT,
    "Twilio was asked for too much at once and did not process this request.",
    "Wait: it is tried again by itself.",
    slows_sender=True,
)
_NOT_ALLOWED = ErrorMeaning(
    ErrorClass.CONFIGURATION,
    "Twilio, or a proxy on the way to it, did not accept our credentials.",
    "Check the account SID and the auth token or API key in the settings.",
    holds_sender=True,
)
_NOT_KNOWN = ErrorMeaning(
    ErrorClass.UNKNOWN,
    "Twilio had a fault while handling this request, so it may or may not have sent the text.",
    "Wait: Twilio is asked for the text before anything is sent again.",
)

_UNLISTED_REPLIES = {
    4: ErrorMeaning(ErrorClass.TRANSIENT, *mail_codes.UNLISTED[4]),
    5: ErrorMeaning(ErrorClass.PERMANENT, *mail_codes.UNLISTED[5], suspects_sender=True),
}

_TABLES = (twilio_codes, voice_codes, sip_codes, whatsapp_codes, verify_codes, mail_codes)
_KNOWN = {
    code: ErrorMeaning(
        error_class,
        cause,
        step,
        holds_sender=code in twilio_codes.HOLDS_SENDER,
        holds_country=code in twilio_codes.HOLDS_COUNTRY,
        suspects_sender=code in mail_codes.SUSPECTS_SENDER,
        slows_sender=code in twilio_codes.SLOWS_SENDER,
        elsewhere=code in twilio_codes.ELSEWHERE,
        by_template=code in whatsapp_codes.BY_TEMPLATE,
        code=code,
    )
    for table in _TABLES
    for error_class in ErrorClass
    for code, (cause, step) in getattr(table, error_class.name, {}).items()
}
