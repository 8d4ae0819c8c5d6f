"""One template as Twilio's Content API keeps and shows it, and what fills its gaps."""

import re
from collections.abc import Mapping

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.sandbox.database import Base
from smsapp.sandbox.message import iso_seconds

CONTENT_URL = "https://content.twilio.com"
# What an operator can make of a template on its page; "unsubmitted" is before anybody asked.
STATUSES = ("pending", "approved", "rejected", "paused", "disabled")
GAP = re.compile(r"\{\{(\w+)\}\}")


class Content(Base):
    """A template in one language, and how its approval stands.

    `types` are Twilio's, "twilio/text" or "twilio/quick-reply", each with a body. `name` and
    `category` are of the request for approval.
    """

    __tablename__ = "whatsapp_content"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: Mapped[int] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(unique=True)
    friendly_name: Mapped[str]
    language: Mapped[str]
    variables: Mapped[dict[str, str]] = mapped_column(JSON)
    types: Mapped[dict[str, dict[str, object]]] = mapped_column(JSON)
    created_at: Mapped[float]
    updated_at: Mapped[float]
    name: Mapped[str] = mapped_column(default="")
    category: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(default="unsubmitted")
    rejection_reason: Mapped[str] = mapped_column(default="")

    @property
    def content_type(self) -> str:
        """The type that is sent: the richest that WhatsApp can show."""
        return "twilio/quick-reply" if "twilio/quick-reply" in self.types else "twilio/text"

    @property
    def body(self) -> str:
        """Its words, with gaps such as {{1}}."""
        return str(self.types[self.content_type]["body"])

    @property
    def buttons(self) -> list[dict[str, str]]:
        """Its quick replies, each with `title` and `id`."""
        actions = self.types[self.content_type].get("actions")
        found = actions if isinstance(actions, list) else []
        return [{"title": each["title"], "id": each["id"]} for each in found]

    @property
    def gaps(self) -> set[str]:
        """What its gaps are called: "1", "2"."""
        return set(GAP.findall(self.body))

    def filled(self, values: Mapping[str, str]) -> str:
        """Return its words with these in the gaps; a gap without a value stays as it is."""
        return GAP.sub(lambda gap: values.get(gap[1], gap[0]), self.body)

    def as_twilio(self, account_sid: str) -> dict[str, object]:
        """Return Twilio's JSON; dates are ISO 8601, unlike those of Messages."""
        url = f"{CONTENT_URL}/v1/Content/{self.sid}"
        return {
            **self._common(account_sid),
            "url": url,
            "links": {
                "approval_create": f"{url}/ApprovalRequests/whatsapp",
                "approval_fetch": f"{url}/ApprovalRequests",
            },
        }

    def with_approval(self, account_sid: str) -> dict[str, object]:
        """Return a row of Twilio's list of contents and approvals."""
        return {**self._common(account_sid), "approval_requests": self.approval()}

    def approval(self) -> dict[str, object]:
        """Return how the approval stands, as Twilio has it."""
        return {
            "name": self.name,
            "category": self.category,
            "content_type": self.content_type,
            "status": self.status,
            "rejection_reason": self.rejection_reason,
            "allow_category_change": True,
        }

    def fetched_approval(self, account_sid: str) -> dict[str, object]:
        """Return how the approval stands, as Twilio answers who asks for it alone."""
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "whatsapp": {"type": "whatsapp", **self.approval()},
            "url": f"{CONTENT_URL}/v1/Content/{self.sid}/ApprovalRequests",
        }

    def _common(self, account_sid: str) -> dict[str, object]:
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "friendly_name": self.friendly_name,
            "language": self.language,
            "variables": self.variables,
            "types": self.types,
            "date_created": iso_seconds(self.created_at),
            "date_updated": iso_seconds(self.updated_at),
        }
