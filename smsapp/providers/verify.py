"""Twilio Verify: one call, and what is certain after it. No code is kept here."""

from dataclasses import dataclass

from twilio.rest import Client

from smsapp.providers.http_client import CurlClient
from smsapp.providers.outcomes import CallFailed, Refused, Unknown, Unwritten

__all__ = ["Checked", "Refused", "Started", "Unknown", "Unwritten", "Verify"]


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
    """One Verify Service; one object serves any number of threads.

    Args:
        service_sid: "VA…".
        account_sid, username, password, base_url, timeout_seconds: As for providers.messages.
    """

    def __init__(
        self,
        *,
        service_sid: str,
        account_sid: str,
        username: str,
        password: str,
        base_url: str | None = None,
        timeout_seconds: float = 10.0,
    ) -> None:
        http_client = CurlClient(base_url, timeout_seconds)
        client = Client(username, password, account_sid, http_client=http_client)
        self._service = client.verify.v2.services(service_sid)

    def start(
        self, *, to: str, channel: str, locale: str | None
    ) -> Started | Refused | Unwritten | Unknown:
        """Ask Twilio to send a code.

        Args:
            to: E.164.
            channel: "sms" or "call".
            locale: Language of the text or the voice, such as "en" or "pt-BR"; None: Twilio's
                choice by the number's country.
        """
        try:
            made = self._service.verifications.create(
                to=to, channel=channel, **({"locale": locale} if locale else {})
            )
        except CallFailed as failed:
            return failed.outcome
        except Exception:  # noqa: BLE001  an answer that cannot be read tells nothing
            return _UNREADABLE
        return Started(made.sid, made.status)

    def check(self, *, sid: str, code: str) -> Checked | Refused | Unwritten | Unknown:
        """Ask Twilio whether this is the code. By SID: a number in a URL would be logged."""
        try:
            checked = self._service.verification_checks.create(verification_sid=sid, code=code)
        except CallFailed as failed:
            return failed.outcome
        except Exception:  # noqa: BLE001  an answer that cannot be read tells nothing
            return _UNREADABLE
        return Checked(checked.to, checked.status)

    def cancel(self, sid: str) -> None:
        """Let a verification end, so that the next start makes a new code."""
        try:
            self._service.verifications(sid).update(status="canceled")
        except CallFailed:
            return  # it has ended by itself, or will within ten minutes


_UNREADABLE = Unknown("bad_answer", None, None)
