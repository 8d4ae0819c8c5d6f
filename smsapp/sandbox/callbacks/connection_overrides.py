"""How patient Twilio is with an address, which the address itself can say."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urldefrag

Result = Literal["ok", "ct", "rt", "4xx", "5xx"]


@dataclass(frozen=True, slots=True)
class ConnectionOverrides:
    """Seconds, and which results of a try are tried again.

    Source: twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    """

    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    total_time: float = 15.0
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})

    def again(self, result: Result, tries: int, spent: float) -> bool:
        """Return whether there is another try after `tries` tries in `spent` seconds."""
        wanted = result in self.retry_on or ("all" in self.retry_on and result != "ok")
        return wanted and tries <= self.retries and spent < self.total_time


def of(url: str) -> ConnectionOverrides:
    """Read them from an address's fragment: "…#ct=3000&rc=5&rt=1500&rp=all"."""
    given = dict(parse_qsl(urldefrag(url).fragment))
    default = ConnectionOverrides()
    return ConnectionOverrides(
        connect_timeout=_seconds(given.get("ct"), 10_000, default.connect_timeout),
        read_timeout=_seconds(given.get("rt"), 15_000, default.read_timeout),
        total_time=_seconds(given.get("tt"), 15_000, default.total_time),
        retries=_within(given.get("rc"), 0, 5, default.retries),
        retry_on=frozenset(given["rp"].split(",")) if given.get("rp") else default.retry_on,
    )


def _within(text: str | None, low: int, high: int, default: int) -> int:
    if text is None or not text.isdecimal():
        return default
    return min(max(int(text), low), high)


def _seconds(milliseconds: str | None, high: int, default: float) -> float:
    return _within(milliseconds, 100, high, round(default * 1000)) / 1000
