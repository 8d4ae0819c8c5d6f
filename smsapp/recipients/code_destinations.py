"""Where the pages send codes: to which countries, and which way. They are open to the world.

An internal service knows whom it serves, and is not asked. Which kinds of number can have a text
at all is asked where one is typed (web/pages/forms.py).
"""

from smsapp.config import Settings
from smsapp.errors import CallsNotOffered, CountryNotServed, SmsappError, WayNotOffered
from smsapp.models import Channel
from smsapp.phone import country

_NOT_OFFERED: dict[Channel, type[SmsappError]] = {Channel.CALL: CallsNotOffered}


def offered(config: Settings) -> frozenset[Channel]:
    """Return the channels that the pages send codes on; a text always is one."""
    by_setting = {
        Channel.CALL: config.verify_calls,
        Channel.WHATSAPP: config.verify_whatsapp,
        Channel.EMAIL: config.verify_email,
    }
    return frozenset({Channel.SMS, *(each for each, is_on in by_setting.items() if is_on)})


def refuse(e164: str, channel: Channel, config: Settings) -> None:
    """Refuse a code that the pages do not send.

    Raises:
        CountryNotServed: VERIFY_COUNTRIES has not the number's.
        CallsNotOffered: It is to be a call, and VERIFY_CALLS says no.
        WayNotOffered: The same of VERIFY_WHATSAPP or VERIFY_EMAIL.
    """
    served = config.code_countries
    if served is not None and country(e164) not in served:
        raise CountryNotServed
    if channel not in offered(config):
        raise _NOT_OFFERED.get(channel, WayNotOffered)
