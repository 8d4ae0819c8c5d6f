"""What is certain after a call that did not succeed: refused, never written, or unknown."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import pycurl
from twilio.base.exceptions import TwilioException


@dataclass(frozen=True, slots=True)
class Refused:
    """Twilio, or a proxy before it, answered with a 4xx: certainly not accepted.

    Or a mail server replied with a 4xx or a 5xx, which then is both status and code.

    Attributes:
        http_status: 400 to 499.
        code: Twilio's error code; None if the answer was not Twilio's.
        retry_after: Seconds to wait, at most six hours; None without a usable `Retry-After`.
        parameter: The name of the parameter that Twilio did not accept, where it is one of ours.
    """

    http_status: int
    code: int | None
    retry_after: float | None
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Unwritten:
    """The call failed before a byte of the request was written: certainly not accepted.

    `reason` is dns, connect, tls, timeout, or host (an address that is not Twilio's).
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request was written, and the answer does not say what became of it.

    `reason` is timeout, reset, tls, server_error (5xx) or bad_answer; `http_status` and `code`
    are there if an answer came and could be read that far.
    """

    reason: str
    http_status: int | None
    code: int | None


Failure = Refused | Unwritten | Unknown
Found = TypeVar("Found")


class CallFailed(TwilioException):  # type: ignore[misc]  # the SDK ships no types
    """A call without success. It holds no text of Twilio's, which may repeat the number."""

    def __init__(self, outcome: Failure) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def outcome_of(call: Callable[[], Found]) -> Found | Failure:
    """Return what a call comes to: what it found, or what is certain where it failed."""
    try:
        return call()
    except CallFailed as failed:
        return failed.outcome
    except Exception:  # noqa: BLE001  a 2xx that cannot be read may be a text sent; half a list is none
        return UNREADABLE


UNREADABLE = Unknown("bad_answer", None, None)

# libcurl's error codes, in one word each: its own messages may hold addresses.
_REASONS = {
    pycurl.E_COULDNT_RESOLVE_PROXY: "dns",
    pycurl.E_COULDNT_RESOLVE_HOST: "dns",
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
    pycurl.E_SSL_CERTPROBLEM: "tls",
    pycurl.E_SSL_CIPHER: "tls",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_SSL_CACERT_BADFILE: "tls",
    pycurl.E_SSL_ISSUER_ERROR: "tls",
    pycurl.E_UNSUPPORTED_PROTOCOL: "bad_answer",  # an answer that is not HTTP/1.x
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "bad_answer",  # the same, found out later
    pycurl.E_FILESIZE_EXCEEDED: "bad_answer",
}


def of_answer(status: int, body: bytes, retry_after: float | None) -> Refused | Unknown:
    """Judge a whole answer that is not a 2xx."""
    code = _twilio_code(body)
    if status >= 500:
        return Unknown("server_error", status, code)
    if status == 408:  # not of Twilio: a proxy gave up waiting, perhaps for Twilio's answer
        return Unknown("timeout", status, code)
    if status >= 400:
        return Refused(status, code, retry_after, _parameter(body) if code == 60200 else None)
    return Unknown("bad_answer", status, code)


def of_error(error: int, *, written: bool, status: int) -> Unwritten | Unknown:
    """Judge a call that ended without a whole answer.

    Args:
        error: libcurl's code (https://curl.se/libcurl/c/libcurl-errors.html).
        written: Whether a byte of the request may have left.
        status: Of the answer, where its first line arrived; else 0.
    """
    if not written:
        return Unwritten(_REASONS.get(error, "connect"))
    return Unknown(_REASONS.get(error, "reset"), status or None, None)


def _twilio_code(body: bytes) -> int | None:
    """Return the error code in an answer of Twilio's; None if it is somebody else's."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    code = answer.get("code") if isinstance(answer, dict) else None
    return code if isinstance(code, int) and 10_000 <= code <= 999_999 else None


# Only a name that we know is taken out of Twilio's words, which may repeat the number.
_PARAMETER = re.compile(rb"Invalid parameter:? [^A-Za-z]{0,6}(To|Channel|Locale|Code)\b")


def _parameter(body: bytes) -> str | None:
    """Return which parameter Twilio did not accept; None where it names none that we give it."""
    found = _PARAMETER.search(body)
    return found[1].decode() if found else None
