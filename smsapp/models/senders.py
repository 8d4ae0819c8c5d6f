"""What texts leave from."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base


class Sender(Base):
    """What texts leave from: how fast, and whether they wait.

    It is held because Twilio refuses it, paused because an operator says so. After a restore
    from a backup, texts may have left from it that we know nothing of.
    """

    __tablename__ = "sender"
    __table_args__ = (
        CheckConstraint("(held_at IS NULL) = (held_code IS NULL)", name="held_for_a_reason"),
        CheckConstraint("(held_at IS NULL) = (probe_at IS NULL)", name="held_is_probed"),
        CheckConstraint("(slowed_at IS NULL) = (slowed_to IS NULL)", name="slowed_to_a_rate"),
        CheckConstraint("pause_reason IS NULL OR paused_at IS NOT NULL", name="pause_reason"),
        CheckConstraint(
            "(restored_at IS NULL) = (lost_since IS NULL)"
            " AND (restored_at IS NULL) = (look_first_until IS NULL)",
            name="restored_whole",
        ),
    )

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    held_at: Mapped[datetime | None]
    held_code: Mapped[int | None]
    probe_at: Mapped[datetime | None]  # when one delivery may try whether it works again
    # Countries that Twilio takes no texts to: {"GB": {"code": 21408, "since": …, "probe_at": …}}.
    country_holds: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    # The throttle (throttle.py): the next text may be sent then, and no sooner.
    next_slot_at: Mapped[datetime | None]
    slowed_at: Mapped[datetime | None]  # when it last fell, because too many texts were too fast
    slowed_to: Mapped[float | None]  # texts a second from then on; it rises with time
    paused_at: Mapped[datetime | None]
    pause_reason: Mapped[str | None] = mapped_column(String(200))
    # The last restore from a backup: when, and since when what happened is lost.
    restored_at: Mapped[datetime | None]
    lost_since: Mapped[datetime | None]
    # Until then an event that looks new may be a lost one, told again.
    look_first_until: Mapped[datetime | None]
