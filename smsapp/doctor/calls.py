"""The check of calls: may our number call, and do those who ring it come here?"""

from collections.abc import Iterator

from smsapp.config import Settings
from smsapp.doctor.at_twilio import OVERRIDES, reader, unseen
from smsapp.doctor.findings import Finding, fault, ok, warning
from smsapp.extensions import settings
from smsapp.phone import mask
from smsapp.providers.account import Number

ABOUT = "Calls"
VOICE = "/twilio/voice"


def check_calls() -> Iterator[Finding]:
    """Whether the number of TWILIO_VOICE_FROM calls, and is answered by this app."""
    config = settings()
    e164 = config.twilio_voice_from
    if e164 is None:
        if config.voice_menu:
            yield warning(
                ABOUT,
                "There is a menu, and no number that it answers.",
                "Set TWILIO_VOICE_FROM to the number that people ring.",
            )
        else:
            yield ok(ABOUT, "not set up: nobody is called, and nobody can ring")
        return
    number = reader(config, *config.rest_credentials).number(e164)
    if number is None:
        yield fault(
            ABOUT,
            f"{mask(e164)} is not a number of this account's.",
            "Set TWILIO_VOICE_FROM to one of those under Phone Numbers at console.twilio.com.",
        )
    elif not isinstance(number, Number):
        yield unseen(ABOUT, "the number", "TWILIO_VOICE_FROM", number)
    elif not number.voice.is_there:
        yield fault(
            ABOUT,
            f"{mask(e164)} can neither call nor be called.",
            "Set TWILIO_VOICE_FROM to a number with the capability Voice.",
        )
    else:
        yield from _incoming(config, number)


def _incoming(config: Settings, number: Number) -> Iterator[Finding]:
    whose, base = mask(number.e164), f"{config.public_base_url}{VOICE}"
    if config.voice_menu is None:
        yield warning(
            ABOUT,
            f"Who rings {whose} hears that we take no calls.",
            "Copy smsapp/phone_menu.toml, change it, and name it in VOICE_MENU.",
        )
    if number.voice.has_application:
        yield fault(
            ABOUT,
            f"A TwiML app or a trunk answers who rings {whose}: they never come here.",
            "Take it off the number's Voice settings, and set the webhook for incoming calls: "
            f"{base}/incoming",
        )
        return
    wrong = [
        advice
        for is_right, advice in (
            (
                number.voice.webhook.url.partition("#")[0] == f"{base}/incoming"
                and number.voice.webhook.method.upper() == "POST",
                f"“A call comes in” to {base}/incoming with HTTP POST",
            ),
            (
                number.voice.fallback == f"{base}/fallback",
                f"“Primary handler fails” to {base}/fallback",
            ),
            (
                number.voice.status.url.partition("#")[0] == f"{base}/status"
                and number.voice.status.method.upper() == "POST",
                f"“Call status changes” to {base}/status{OVERRIDES} with HTTP POST",
            ),
        )
        if not is_right
    ]
    if wrong:
        yield fault(
            ABOUT,
            f"The Voice settings of {whose} lead to another address, or nowhere.",
            f"At console.twilio.com set {'; '.join(wrong)}.",
        )
    else:
        yield ok(ABOUT, f"{whose} calls, and who rings it comes here")
