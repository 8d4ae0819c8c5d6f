"""Twilio Verify: one call, and what is certain after it. No code is kept here."""

from dataclasses import dataclass

from twilio.rest import Client

from smsapp.phone import reported
from smsapp.providers.outcomes import CallFailed, Failure, outcome_of

# What Verify's own texts and voices speak. Source:
# https://www.twilio.com/docs/verify/supported-languages
_LOCALES = (
    *("af", "ar", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "et", "fi", "fr", "he", "hi"),
    *("hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "mr", "ms", "nb", "nl", "pl", "pt", "pt-BR"),
    *("ro", "ru", "sk", "sv", "te", "th", "tl", "tr", "uk", "vi", "zh", "zh-CN", "zh-HK"),
)
_BY_TAG = {locale.lower(): locale for locale in _LOCALES}


def spoken_for(tag: str) -> str | None:
    """Return Verify's locale for a language by BCP 47: "de" for "de-AT"; None without one."""
    tag = tag.lower()
    return _BY_TAG.get(tag) or _BY_TAG.get(tag.partition("-")[0])


@dataclass(frozen=True, slots=True)
class Started:
    """Twilio sends a code.

    Attributes:
        sid: The Verify SID, "VE…"; a second code within ten minutes has the first one's.
        status: Twilio's word: pending.
    """

    sid: str
    status: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Twilio has compared a code.

    Attributes:
        to: The number that Twilio sent the code to, E.164; or the e-mail address.
        status: approved; pending for a wrong code; or canceled, expired and the like.
    """

    to: str
    status: str


class Verify:
    """One Verify Service, "VA…", of an account; one object serves any number of threads."""

    def __init__(self, client: Client, service_sid: str) -> None:
        self._service = client.verify.v2.services(service_sid)

    def start(self, *, to: str, channel: str, locale: str | None) -> Started | Failure:
        """Ask Twilio to send a code.

        Args:
            to: E.164; with "email" an address.
            channel: "sms", "call", "whatsapp" or "email".
            locale: Language of the text or the voice, by BCP 47; None, or one that Verify does not
                speak: Twilio's choice by the number's country.
        """
        spoken = locale and spoken_for(locale)

        def call() -> Started:
            made = self._service.verifications.create(
                to=to, channel=channel, **({"locale": spoken} if spoken else {})
            )
            return Started(made.sid, made.status)

        return outcome_of(call)

    def check(self, *, sid: str, code: str) -> Checked | Failure:
        """Ask Twilio whether this is the code. By SID: a number in a URL would be logged."""

        def call() -> Checked:
            checked = self._service.verification_checks.create(verification_sid=sid, code=code)
            return Checked(reported(checked.to) or str(checked.to), checked.status)

        return outcome_of(call)

    def cancel(self, sid: str) -> None:
        """Let a verification end, so that the next start makes a new code."""
        try:
            self._service.verifications(sid).update(status="canceled")
        except CallFailed:
            return  # it has ended by itself, or will within ten minutes
