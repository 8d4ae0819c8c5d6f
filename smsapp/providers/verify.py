"""Twilio Verify: one call, and what is certain after it. No code is kept here."""

from dataclasses import dataclass

from twilio.rest import Client

from smsapp.phone import reported
from smsapp.providers.outcomes import CallFailed, Failure, outcome_of


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
        to: The number that Twilio sent the code to, E.164.
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
            to: E.164.
            channel: "sms" or "call".
            locale: Language of the text or the voice, such as "en" or "pt-BR"; None: Twilio's
                choice by the number's country.
        """

        def call() -> Started:
            made = self._service.verifications.create(
                to=to, channel=channel, **({"locale": locale} if locale else {})
            )
            return Started(made.sid, made.status)

        return outcome_of(call)

    def check(self, *, sid: str, code: str) -> Checked | Failure:
        """Ask Twilio whether this is the code. By SID: a number in a URL would be logged."""

        def call() -> Checked:
            checked = self._service.verification_checks.create(verification_sid=sid, code=code)
            return Checked(reported(checked.to) or checked.to, checked.status)

        return outcome_of(call)

    def cancel(self, sid: str) -> None:
        """Let a verification end, so that the next start makes a new code."""
        try:
            self._service.verifications(sid).update(status="canceled")
        except CallFailed:
            return  # it has ended by itself, or will within ten minutes
