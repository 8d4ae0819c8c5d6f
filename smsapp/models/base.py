"""What every table inherits."""

from datetime import UTC, datetime
from enum import Enum, StrEnum

from sqlalchemy import DateTime, Index, MetaData, String, TextClause, text
from sqlalchemy import Enum as EnumType
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

PhoneKey = String(64)


class Channel(StrEnum):
    """How a message reaches somebody."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    CALL = "call"
    EMAIL = "email"
    TEST = "test"  # for test keys alone: nothing leaves the app


def partial_index(name: str, *columns: str, where: str | TextClause, unique: bool = False) -> Index:
    """Return an index of those rows alone for which `where` holds, on both databases."""
    rows = text(str(where))
    return Index(name, *columns, unique=unique, postgresql_where=rows, sqlite_where=rows)


class UtcDateTime(TypeDecorator[datetime]):
    """A time that is aware and in UTC on both databases; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time aware: SQLite keeps no zone."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """What every model inherits: names for constraints, and types for annotations."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    # Enums as text with their values: a new state needs no ALTER TYPE, and a person can read
    # the table. CHECK constraints hold them to the values.
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own idiom
        datetime: UtcDateTime,
        Enum: EnumType(
            Enum,
            native_enum=False,
            create_constraint=True,
            length=30,
            values_callable=lambda kind: [member.value for member in kind],
        ),
    }
