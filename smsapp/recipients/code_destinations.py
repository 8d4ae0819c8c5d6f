"""Where the pages send codes: to which countries, and whether by call. They are open to the world.

An internal service knows whom it serves, and is not asked. Which kinds of number can have a text
at all is asked where one is typed (web/pages/forms.py).
"""

from smsapp.config import Settings
from smsapp.errors import CallsNotOffered, CountryNotServed
from smsapp.models import Channel
from smsapp.phone import country


def refuse(e164: str, channel: Channel, config: Settings) -> None:
    """Refuse a code that the pages do not send.

    Raises:
        CountryNotServed: VERIFY_COUNTRIES has not the number's.
        CallsNotOffered: It is to be a call, and VERIFY_CALLS says no.
    """
    served = config.code_countries
    if served is not None and country(e164) not in served:
        raise CountryNotServed
    if channel is Channel.CALL and not config.verify_calls:
        raise CallsNotOffered
