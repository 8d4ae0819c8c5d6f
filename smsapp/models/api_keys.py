"""Keys of internal services."""

from datetime import datetime

from sqlalchemy import String, false
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base


class ApiKey(Base):
    """An internal service's key; only its hash is kept."""

    __tablename__ = "api_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[str] = mapped_column(String(80))  # names with a space between
    # What it sends leaves the app by no channel (providers/test_carrier.py).
    is_test: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
