"""Why a number is not texted, in words. There is one table, for the API and for every page."""

from dataclasses import dataclass

from smsapp.models import Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """The words for one answer of permission.may_text.

    Attributes:
        message: What the service that told us of the event is answered; part of the API.
        cause: What support reads.
        next_step: What can be done about it.
    """

    message: str
    cause: str
    next_step: str


REFUSALS = {
    Reason.OPTED_OUT: Refusal(
        "This number has opted out of texts. Only its owner can change that.",
        "The number has opted out of all texts.",
        "Respect it. Only the owner can change that: by texting START, or on the preferences "
        "page where the stop came from there or from us.",
    ),
    Reason.CONSENT_WITHDRAWN: Refusal(
        "The owner of this number has withdrawn consent for these texts.",
        "The customer has withdrawn consent for texts like this, or was erased.",
        "Respect it. Only the customer can agree again, on the preferences page.",
    ),
    Reason.NO_CONSENT: Refusal(
        "Nobody knows of a consent for this number. Ask the customer for theirs, or send "
        "consentAt.",
        "Neither the number's consent ledger nor the event knows of a consent for texts like this.",
        "Ask the customer for theirs: on the page, or where they ordered.",
    ),
    Reason.NOT_ALLOWED: Refusal(
        "This number is not in ALLOWED_RECIPIENTS, the list of this installation.",
        "This installation texts only the numbers in ALLOWED_RECIPIENTS.",
        "Add the number to that setting if it should be texted from here.",
    ),
}
