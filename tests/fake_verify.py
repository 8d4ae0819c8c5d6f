"""A Twilio Verify that does as it is told."""

from dataclasses import dataclass, field
from typing import Any

from smsapp.providers.outcomes import Refused
from smsapp.providers.verify import Checked, Started

VERIFY = {"TWILIO_VERIFY_SERVICE_SID": "VA00000000000000000000000000000001"}
CODE = "123456"


@dataclass
class FakeVerify:
    """Twilio Verify: sends `CODE` to all, or answers as it was told."""

    start_answers: list[Any] = field(default_factory=list)
    check_answers: list[Any] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    locales: list[str | None] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)

    def start(self, *, to: str, channel: str, locale: str | None) -> Any:
        if self.start_answers:
            return self.start_answers.pop(0)
        self.sent.append((to, channel))
        self.locales.append(locale)
        sid = next((s for s, number in self.pending.items() if number == to), None)
        sid = sid or f"VE{len(self.sent):032x}"
        self.pending[sid] = to
        return Started(sid, "pending")

    def check(self, *, sid: str, code: str) -> Any:
        if self.check_answers:
            return self.check_answers.pop(0)
        if sid not in self.pending:
            return Refused(404, 20404, None)
        if code != CODE:
            return Checked(self.pending[sid], "pending")
        return Checked(self.pending.pop(sid), "approved")

    def cancel(self, sid: str) -> None:
        self.canceled.append(sid)
        del self.pending[sid]
