"""A Twilio Verify that does as it is told, and otherwise as Twilio does."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from smsapp.providers.outcomes import Refused
from smsapp.providers.verify import Checked, Started

VERIFY = {"TWILIO_VERIFY_SERVICE_SID": "VA00000000000000000000000000000001"}
CODE = "123456"


@dataclass
class FakeVerify:
    """Twilio Verify: sends `CODE` to all, or answers as it was told.

    A number has one verification at a time, which takes five starts and five wrong codes.
    """

    start_answers: list[Any] = field(default_factory=list)
    check_answers: list[Any] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    locales: list[str | None] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)
    starts: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)

    def start(self, *, to: str, channel: str, locale: str | None) -> Any:
        if self.start_answers:
            return self.start_answers.pop(0)
        sid = next((s for s, number in self.pending.items() if number == to), None)
        sid = sid or f"VE{len(self.sent) + 1:032x}"
        if self.starts[sid] == 5:
            return Refused(429, 60203, None)
        self.starts[sid] += 1
        self.sent.append((to, channel))
        self.locales.append(locale)
        self.pending[sid] = to
        return Started(sid, "pending")

    def check(self, *, sid: str, code: str) -> Any:
        if self.check_answers:
            return self.check_answers.pop(0)
        if sid not in self.pending:
            return Refused(404, 20404, None)
        if self.checks[sid] == 5:
            return Refused(429, 60202, None)
        self.checks[sid] += 1
        if code != CODE:
            return Checked(self.pending[sid], "pending")
        return Checked(self.pending.pop(sid), "approved")

    def cancel(self, sid: str) -> None:
        self.canceled.append(sid)
        self.pending.pop(sid, None)
