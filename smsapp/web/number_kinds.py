"""What a number is, by its country's numbering plan: known before a code is spent on it.

The plan is that of the phonenumbers library, which is now and then behind: what it has never heard
of is asked about, and only what can be nobody's mobile is refused.
"""

import phonenumbers
from phonenumbers import PhoneNumberType

_NOBODYS_MOBILE = {
    PhoneNumberType.PAGER: "a pager's number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.TOLL_FREE: "a freephone number",
    PhoneNumberType.UAN: "a company's service number",
    PhoneNumberType.VOICEMAIL: "a voicemail's number",
}


def refusal(e164: str) -> str | None:
    """Return why no code goes to a number that can be nobody's mobile; None for all others."""
    kind = _NOBODYS_MOBILE.get(phonenumbers.number_type(phonenumbers.parse(e164)))
    return kind and f"That is {kind}, which we send no codes to. Enter your mobile number"


def is_landline(e164: str) -> bool:
    """Whether a number is a landline's, where landlines' and mobiles' can be told apart."""
    return phonenumbers.number_type(phonenumbers.parse(e164)) == PhoneNumberType.FIXED_LINE


def is_known(e164: str) -> bool:
    """Whether the plan of its country has such numbers: what is possible need not be in use."""
    return phonenumbers.is_valid_number(phonenumbers.parse(e164))
