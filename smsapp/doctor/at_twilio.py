"""Checks of the account at Twilio: may it send, from what, and do texts back come here?"""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from smsapp import typed
from smsapp.config import Settings
from smsapp.doctor.data import skew
from smsapp.doctor.findings import Finding, fault, ok, warning
from smsapp.doctor.here import OUT_OF_REACH, SECONDS
from smsapp.events import kinds
from smsapp.events.kind import gaps
from smsapp.extensions import settings
from smsapp.phone import mask
from smsapp.providers.account import DatedClient, Number, Reader, Template, Webhook
from smsapp.providers.http_client import rest_client
from smsapp.providers.outcomes import Failure, Refused, Unknown, Unwritten

INBOUND = "/twilio/inbound"
OVERRIDES = "#rc=5&rp=all"


def check_twilio() -> Iterator[Finding]:
    """Ask Twilio about the account, and if it answers, about all that we use of it."""
    config = settings()
    sid = config.twilio_account_sid
    by_token = reader(config, sid, config.twilio_auth_token.get_secret_value())
    account = by_token.account()
    if isinstance(account, Unwritten | Unknown):
        yield fault("Twilio", f"It cannot be reached: {_trouble(account)}.", _REACH)
        return
    if by_token.skew is not None:
        yield skew("Twilio's clock", by_token.skew)
    if isinstance(account, Refused):
        yield fault(
            "Twilio account",
            f"Twilio refuses the account SID with the auth token ({account.http_status}).",
            "Copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN from console.twilio.com again: webhooks "
            "are signed with that token, too.",
        )
        if not config.twilio_api_key_sid:
            return
    elif account.status != "active":
        yield fault(
            "Twilio account",
            f"It is {account.status}: nothing is sent.",
            "console.twilio.com says why; often a payment is missing.",
        )
    elif account.is_trial:
        yield warning(
            "Twilio account",
            "It is a trial account: it texts verified numbers only, and adds its own words.",
            "Upgrade it at console.twilio.com before customers are texted.",
        )
    else:
        yield ok("Twilio account", "active")
    ours = reader(config, *config.rest_credentials)
    if config.twilio_messaging_service_sid:
        yield from _service(config, config.twilio_messaging_service_sid, ours)
    else:
        yield from _number(config, config.twilio_from_number or "", ours)
    yield from _verify(config, ours)
    yield from _templates(config, ours)


_REACH = (
    "Check DNS, the firewall and any proxy for https://api.twilio.com, and TWILIO_BASE_URL. "
    "status.twilio.com tells of outages."
)


def reader(config: Settings, username: str, password: str) -> Reader:
    """Return a reader with these credentials."""
    client = rest_client(
        config.twilio_account_sid, username, password, config.twilio_base_url, SECONDS, DatedClient
    )
    return Reader(client)


def _number(config: Settings, e164: str, twilio: Reader) -> Iterator[Finding]:
    found = twilio.number(e164)
    if found is None:
        yield fault(
            "Sender",
            f"{mask(e164)} is not a number of this account's.",
            "Set TWILIO_FROM_NUMBER to one of those under Phone Numbers at console.twilio.com.",
        )
        return
    if not isinstance(found, Number):
        yield unseen("Sender", "the number", "TWILIO_FROM_NUMBER", found)
        return
    if found.sends_texts:
        yield ok("Sender", f"{mask(e164)} is the account's and can send texts")
    else:
        yield fault(
            "Sender",
            f"{mask(e164)} cannot send texts.",
            "Set TWILIO_FROM_NUMBER to a number with the capability SMS.",
        )
    yield _texts_back(config, found)


def _service(config: Settings, sid: str, twilio: Reader) -> Iterator[Finding]:
    found = twilio.messaging_service(sid)
    if isinstance(found, Failure):
        yield unseen("Sender", "the Messaging Service", "TWILIO_MESSAGING_SERVICE_SID", found)
        return
    if not found.numbers and not found.has_short_codes:
        yield fault(
            "Sender",
            "The Messaging Service has no number to send from.",
            "Add one to its Sender Pool at console.twilio.com.",
        )
    else:
        yield ok("Sender", "the Messaging Service is there and has numbers")
    if not found.asks_numbers:
        yield _webhook(config, "the Messaging Service", found.webhook)
        return
    for e164 in found.numbers:  # it leaves texts back to the webhook of whichever number got them
        number = twilio.number(e164)
        if isinstance(number, Number):
            yield _texts_back(config, number)
        elif number is not None:
            yield unseen("Texts back", "a number of the Messaging Service's", "the API key", number)
            return


def _texts_back(config: Settings, number: Number) -> Finding:
    if number.has_application:
        return fault(
            "Texts back",
            f"A TwiML app answers what customers text to {mask(number.e164)}: a STOP never comes "
            "here.",
            "Take the app off the number's Messaging settings, and set its webhook: "
            f"{_expected(config)}",
        )
    return _webhook(config, mask(number.e164), number.webhook)


def _webhook(config: Settings, whose: str, webhook: Webhook) -> Finding:
    """Judge where Twilio posts what customers text."""
    url, _, fragment = webhook.url.partition("#")
    advice = f"Set the webhook for incoming messages to {_expected(config)} with HTTP POST."
    if url != f"{config.public_base_url}{INBOUND}":
        where = urlsplit(url).hostname
        points = f"points to another address, at {where}" if where else "points nowhere"
        return fault(
            "Texts back", f"The webhook of {whose} {points}: a STOP never comes here.", advice
        )
    if webhook.method.upper() != "POST":
        return fault(
            "Texts back", f"The webhook of {whose} uses {webhook.method}: it is refused.", advice
        )
    overrides = parse_qs(fragment)
    if overrides.get("rc", ["0"])[0] in {"0", "1"} or overrides.get("rp") != ["all"]:
        return warning(
            "Texts back",
            f"The webhook of {whose} is tried once: a text that comes while this app is down is "
            "lost.",
            advice,
        )
    return ok("Texts back", f"the webhook of {whose} points here, and is tried again")


def _expected(config: Settings) -> str:
    return f"{config.public_base_url}{INBOUND}{OVERRIDES}"


def _verify(config: Settings, twilio: Reader) -> Iterator[Finding]:
    if config.twilio_verify_service_sid is None:
        yield warning(
            "Verify",
            "No Verify Service is set: customers cannot prove a number.",
            "Create one at console.twilio.com and set TWILIO_VERIFY_SERVICE_SID.",
        )
        return
    found = twilio.code_length(config.twilio_verify_service_sid)
    if isinstance(found, Failure):
        yield unseen("Verify", "the Verify Service", "TWILIO_VERIFY_SERVICE_SID", found)
    elif config.code_countries is None and not config.verify_countries:
        yield warning(
            "Verify",
            "The pages send codes to every country: strangers can have texts sent to numbers "
            "that earn them money.",
            "Set VERIFY_COUNTRIES to where your customers are, such as US,CA.",
        )
    elif found != typed.CODE_DIGITS:
        yield warning(
            "Verify",
            f"Its codes have {found} digits, and the pages ask for {typed.CODE_DIGITS}.",
            f"Set the code length of the Verify Service to {typed.CODE_DIGITS}.",
        )
    else:
        served = ", ".join(sorted(config.code_countries or ["all countries"]))
        yield ok("Verify", f"the Verify Service is there; the pages send codes to {served}")


def _templates(config: Settings, twilio: Reader) -> Iterator[Finding]:
    """Look whether WhatsApp approved each template, and whether it has a gap for each field."""
    if config.twilio_whatsapp_from is None:
        return
    faults = [
        found
        for kind, of_kind in config.whatsapp_templates.items()
        for language, sid in of_kind.items()
        if (found := _template(kind, language, twilio.template(sid)))
    ]
    yield from faults
    if not config.whatsapp_templates:
        yield warning(
            "WhatsApp templates",
            "There are none: who has not written to us for a day gets a text instead.",
            "Have templates approved, and name them in the file WHATSAPP_TEMPLATES.",
        )
    elif not faults:
        yield ok("WhatsApp templates", "all approved")


def _template(kind: str, language: str, found: Template | Failure) -> Finding | None:
    about = f"WhatsApp template {kind}, {language}"
    if kind not in kinds.ALL:
        return fault(about, "There is no such kind.", f"They are: {', '.join(kinds.ALL)}.")
    if isinstance(found, Failure):
        return unseen(about, "the template", "WHATSAPP_TEMPLATES", found)
    needed = gaps(kinds.ALL[kind])
    if found.approval != "approved":
        return fault(
            about,
            f"WhatsApp has not approved it: it is {found.approval}.",
            "Until it is, who has not written to us for a day gets a text instead.",
        )
    if found.gaps != len(needed):
        listed = ", ".join(needed)
        return fault(
            about,
            f"It has {found.gaps} gaps, and the kind has {len(needed)} fields.",
            f"Make one with as many gaps as there are fields, in their order: {listed}.",
        )
    return None


def unseen(about: str, what: str, setting: str, failure: Failure) -> Finding:
    """Return why something could not be looked at."""
    match failure:
        case Refused(http_status=404):
            return fault(
                about,
                f"The account has no such thing as {what} in {setting}.",
                f"Copy {setting} from console.twilio.com again; the account must be the same.",
            )
        case Refused(http_status=401):
            return fault(
                about,
                f"Twilio refuses our credentials when asked for {what}.",
                "Make a new API key at console.twilio.com, in this account, and set "
                "TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET.",
            )
        case Refused(http_status=403):
            return warning(
                about,
                f"Our API key may not look at {what}.",
                "That is well if it is restricted on purpose; then check it at console.twilio.com.",
            )
    return fault(about, f"Asked for {what}, Twilio fails: {_trouble(failure)}.", _REACH)


def _trouble(failure: Failure) -> str:
    if isinstance(failure, Refused):
        return f"it answers {failure.http_status}"
    return OUT_OF_REACH.get(failure.reason, OUT_OF_REACH["connect"])
