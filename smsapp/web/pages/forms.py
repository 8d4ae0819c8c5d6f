"""What people type on the pages: read, or refused with a sentence for each field."""

import re
import unicodedata
from dataclasses import dataclass, field

from flask import request

from smsapp.extensions import settings
from smsapp.models import Channel
from smsapp.phone import InvalidPhone
from smsapp.recipients.purposes import PURPOSES
from smsapp.web import countries

_CODE = re.compile(r"[0-9]{4,10}")
# What people put between the digits.
_BETWEEN = re.compile(r"[\s\-–.]")


@dataclass
class SignUp:
    """The form on the first page, as typed; `faults` has a sentence by field."""

    region: str
    phone: str = ""
    purposes: tuple[str, ...] = ()
    channel: Channel = Channel.SMS
    e164: str | None = None
    offers_call: bool = False
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def country(self) -> countries.Country:
        """Return the country that a national number is read in."""
        return countries.all_countries()[self.region]


def typed_sign_up() -> SignUp:
    """Return the posted form, not yet read."""
    region = request.form.get("country", "")
    return SignUp(
        region if region in countries.all_countries() else countries.guess(),
        request.form.get("phone", "")[: countries.MAX_CHARACTERS],
        tuple(name for name in PURPOSES if name in request.form.getlist("purpose")),
        read_channel(),
    )


def read_sign_up() -> SignUp:
    """Return the posted form with its number in E.164, or with faults."""
    form = typed_sign_up()
    try:
        form.e164 = countries.to_e164(form.phone, form.region)
    except InvalidPhone as error:
        form.faults["phone"] = str(error)
    return form


def offers_calls() -> bool:
    """Whether a code may be asked for in a call."""
    return settings().verify_calls


def read_channel() -> Channel:
    """Return how the code is to be sent."""
    wants_call = request.form.get("channel") == Channel.CALL
    return Channel.CALL if wants_call and offers_calls() else Channel.SMS


def read_code(text: str) -> str | None:
    """Return a code's digits in ASCII; None where it cannot be one, which costs no try."""
    digits = _BETWEEN.sub("", unicodedata.normalize("NFKC", text[:60]))
    digits = "".join(str(unicodedata.decimal(c, c)) for c in digits)
    return digits if _CODE.fullmatch(digits) else None
