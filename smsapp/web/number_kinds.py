"""What a number is, by its country's numbering plan: known before a code is spent on it.

The plan is that of the phonenumbers library, which is now and then behind: what it has never heard
of is asked about, and only what can be nobody's mobile is refused.
"""

import phonenumbers
from phonenumbers import PhoneNumberType

from smsapp.languages import N_

_NOBODYS_MOBILE = {
    PhoneNumberType.PAGER: N_("a pager's number"),
    PhoneNumberType.PREMIUM_RATE: N_("a premium-rate number"),
    PhoneNumberType.SHARED_COST: N_("a shared-cost number"),
    PhoneNumberType.TOLL_FREE: N_("a freephone number"),
    PhoneNumberType.UAN: N_("a company's service number"),
    PhoneNumberType.VOICEMAIL: N_("a voicemail's number"),
}


def nobodys_mobile(e164: str) -> str | None:
    """Return what a number is that can be nobody's mobile, to be translated; None for others."""
    return _NOBODYS_MOBILE.get(phonenumbers.number_type(phonenumbers.parse(e164)))


def is_landline(e164: str) -> bool:
    """Whether a number is a landline's, where landlines' and mobiles' can be told apart."""
    return phonenumbers.number_type(phonenumbers.parse(e164)) == PhoneNumberType.FIXED_LINE


def is_known(e164: str) -> bool:
    """Whether the plan of its country has such numbers: what is possible need not be in use."""
    return phonenumbers.is_valid_number(phonenumbers.parse(e164))
