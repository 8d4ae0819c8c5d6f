"""What a list of deliveries is asked for, and the cursors that lead from page to page."""

import hmac
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from smsapp.events import kinds
from smsapp.events.fields import LocalTime, Reference, same_time
from smsapp.extensions import settings
from smsapp.models import DeliveryState
from smsapp.trace.filtering import Filter

MOST_AT_ONCE = 100
_LIMIT = re.compile(r"[1-9][0-9]?|100", re.ASCII)
# A plus that was not escaped comes out of a query as a blank.
_BLANK_OF_OFFSET = re.compile(r" (?=\d\d:\d\d\Z)", re.ASCII)
_ID_BYTES, _SIGNATURE_BYTES = 16, 8


def _status(value: str) -> DeliveryState:
    try:
        return DeliveryState(value)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(DeliveryState)}") from None


def _kind(value: str) -> str:
    if value not in kinds.ALL:
        raise ValueError(f"must be one of {', '.join(kinds.ALL)}")
    return value


def _list_kinds(schema: dict[str, Any]) -> None:
    """Say which kinds there are when the schema is made: the table is the only list of them."""
    schema["enum"] = list(kinds.ALL)


def _limit(value: str) -> int:
    if not _LIMIT.fullmatch(value):
        raise ValueError("must be a number from 1 to 100")
    return int(value)


def _with_plus(value: str) -> str:
    return _BLANK_OF_OFFSET.sub("+", value)


# The last BeforeValidator is the first that runs.
QueryTime = Annotated[LocalTime, BeforeValidator(_with_plus)]


class Wanted(BaseModel):
    """The parameters of GET /api/deliveries; accepted from `since` on, and before `until`."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    # With it a single delivery is asked for; here it is known so that a slip of it is told.
    event_id: Annotated[
        str | None,
        Field(
            alias="eventId",
            description="The answer is what became of this event, and no list; `kind` says of "
            "which kind it is (order_shipped where left out), and nothing else counts.",
            examples=["event-1001"],
        ),
    ] = None
    subject: Reference | None = None
    status: Annotated[DeliveryState, BeforeValidator(_status)] | None = None
    kind: (
        Annotated[
            str,
            Field(examples=["order_shipped"], json_schema_extra=_list_kinds),
            AfterValidator(_kind),
        ]
        | None
    ) = None
    since: Annotated[QueryTime, Field(description="Accepted from this time on.")] | None = None
    until: Annotated[QueryTime, Field(description="Accepted before this time.")] | None = None
    limit: Annotated[
        int,
        Field(ge=1, le=MOST_AT_ONCE, description="How many at most."),
        BeforeValidator(_limit),
    ] = 20
    cursor: (
        Annotated[
            str,
            Field(description="Where to go on: the nextCursor of a page of the same parameters."),
        ]
        | None
    ) = None

    @field_validator("*", mode="before")
    @classmethod
    def _once(cls, value: object) -> object:
        if isinstance(value, list):
            raise ValueError("must be given once")  # noqa: TRY004
        return value

    @field_validator("until")
    @classmethod
    def _ends_after_it_begins(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        since = info.data.get("since")
        if until and since and until <= since:
            raise ValueError("must be later than since")
        return until

    @field_validator("cursor")
    @classmethod
    def _is_of_this_list(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        # Beside other faults nobody can say.
        if cursor is not None and {"subject", "status", "kind", "since", "until"} <= set(info.data):
            read_cursor(cursor, _filter(info.data))
        return cursor

    @property
    def filter(self) -> Filter:
        """Return what the deliveries have to have."""
        return _filter(self.model_dump())

    @property
    def after(self) -> uuid.UUID | None:
        """Return the id after which the page begins."""
        return read_cursor(self.cursor, self.filter) if self.cursor is not None else None


def write_cursor(after: uuid.UUID, of: Filter) -> str:
    """Return where a list goes on; good for this list alone."""
    return urlsafe_b64encode(after.bytes + _signature(after, of)).decode()


def read_cursor(cursor: str, of: Filter) -> uuid.UUID:
    """Return the id after which a list goes on.

    Raises:
        ValueError: The cursor is none, or of another list.
    """
    try:
        found = urlsafe_b64decode(cursor.encode())
        after = uuid.UUID(bytes=found[:_ID_BYTES])
    except ValueError:
        found, after = b"", uuid.UUID(int=0)
    if not hmac.compare_digest(found[_ID_BYTES:], _signature(after, of)):
        raise ValueError("must be the nextCursor of a page with the same parameters")
    return after


def _signature(after: uuid.UUID, of: Filter) -> bytes:
    parts = (of.subject, of.state, of.kind, same_time(of.since), same_time(of.until))
    said = repr((after.hex, *(part and str(part) for part in parts)))
    key = settings().secret_key.get_secret_value().encode()
    return hmac.digest(key, b"cursor " + said.encode(), "sha256")[:_SIGNATURE_BYTES]


def _filter(given: dict[str, Any]) -> Filter:
    return Filter(given["subject"], given["status"], given["kind"], given["since"], given["until"])
