"""What people type on the pages: read, or refused with a sentence for each field."""

from dataclasses import dataclass, field
from enum import StrEnum

from flask import request

from smsapp.extensions import settings
from smsapp.models import Channel
from smsapp.phone import InvalidPhone
from smsapp.recipients import code_destinations, purposes
from smsapp.web import countries, number_kinds
from smsapp.web.language import current, gettext


class Doubt(StrEnum):
    """What we ask about a number before a code is sent to it."""

    UNKNOWN = "unknown"  # possible, but not one that its country has
    LANDLINE = "landline"  # a text cannot reach it


@dataclass
class SignUp:
    """The form on the first page, as typed; `faults` has a sentence by field."""

    region: str
    phone: str = ""
    purposes: tuple[str, ...] = ()
    channel: Channel = Channel.SMS
    e164: str | None = None
    is_landline: bool = False
    doubt: Doubt | None = None
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
        tuple(
            p.name for p in purposes.shown(current()) if p.name in request.form.getlist("purpose")
        ),
        read_channel(),
    )


def read_sign_up() -> SignUp:
    """Return the posted form with its number in E.164, or with faults."""
    form = typed_sign_up()
    try:
        form.e164 = countries.to_e164(form.phone, form.region)
    except InvalidPhone as error:
        form.faults["phone"] = gettext(str(error), example=form.country.example)
        return form
    # The form carries what Twilio said of its number the last time.
    form.is_landline = (
        number_kinds.is_landline(form.e164) or request.form.get("landline") == form.e164
    )
    if kind := number_kinds.nobodys_mobile(form.e164):
        form.faults["phone"] = gettext(
            "That is %(kind)s, which we send no codes to. Enter your mobile number",
            kind=gettext(kind),
        )
    # Whoever was asked about just this number, and sends it again, is sure.
    elif request.form.get("sure") != form.e164:
        form.doubt = _doubt(form)
    return form


def _doubt(form: SignUp) -> Doubt | None:
    if form.e164 and not number_kinds.is_known(form.e164):
        return Doubt.UNKNOWN
    if form.channel is Channel.SMS and form.is_landline:
        return Doubt.LANDLINE
    return None


def offers() -> frozenset[Channel]:
    """Return how a number may be sent a code: by text, and what else the service has."""
    return code_destinations.offered(settings()) - {Channel.EMAIL}


def offers_calls() -> bool:
    """Whether a code may be asked for in a call."""
    return Channel.CALL in offers()


def read_channel() -> Channel:
    """Return how the code is to be sent."""
    wanted = request.form.get("channel")
    return next((channel for channel in offers() if channel == wanted), Channel.SMS)
