"""What is said of a batch beside its rows, and how a row becomes an event."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, BinaryIO

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo

from smsapp import field_words
from smsapp.batches import files
from smsapp.batches.files import Row, Table
from smsapp.delivery import channels
from smsapp.events.announcement import ANNOUNCEMENT, MAX_CHARACTERS
from smsapp.events.fields import ONE_LINE, Event
from smsapp.events.kind import Kind
from smsapp.events.kinds import IN_BATCHES, KINDS
from smsapp.models import Batch, BatchRow
from smsapp.recipients.purposes import PURPOSES, WAYS

_GAP = re.compile(r"\(\(\s*([^()]+?)\s*\)\)")
# It would stand beside the numbers, and outside the one table of people.
_NOT_TAKEN = {"email"}
# The ledger must know of it, and texts are the only way.
_NOT_OF_ANNOUNCEMENTS = {"consentAt", "channels", "batch", "words"}
ABOUT = tuple(name for name in PURPOSES if name not in WAYS)


def kinds_of_batches() -> list[str]:
    """Return what the rows of a batch may be."""
    return [*KINDS, *IN_BATCHES]


def _kind(value: str) -> str:
    if value not in kinds_of_batches():
        raise ValueError(f"must be one of {', '.join(kinds_of_batches())}")
    return value


def _name(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("must be one line of printable characters")
    return value.strip()


def _text(value: str) -> str:
    value = value.replace("\r\n", "\n").strip()
    if not value:
        raise ValueError("must not be blank")
    return value


class Draft(BaseModel):
    """What a batch is called and is about."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            description="What people call it, and its event ids begin with where rows have none. "
            "The same file again under the same name texts nobody twice.",
            examples=["october-ready"],
            json_schema_extra=ONE_LINE,
        ),
        AfterValidator(_name),
    ]
    kind: Annotated[
        str,
        Field(description="What all its rows are.", examples=["order_ready"]),
        AfterValidator(_kind),
    ]
    purpose: Annotated[
        str | None,
        Field(
            description="Of an announcement: what people have agreed to be told about.",
            examples=["order_updates"],
            validate_default=True,
        ),
    ] = None
    text: Annotated[
        str | None,
        Field(
            max_length=MAX_CHARACTERS,
            description="Of an announcement: its words, with ((columns)) as gaps.",
            examples=["Hello ((name)), we are closed on Friday."],
            validate_default=True,
        ),
    ] = None

    @field_validator("purpose")
    @classmethod
    def _has_purpose(cls, purpose: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("kind") not in IN_BATCHES:
            return cls._nothing(purpose)
        if purpose not in ABOUT:
            raise ValueError(f"must be one of {', '.join(ABOUT)}")
        return purpose

    @field_validator("text")
    @classmethod
    def _has_text(cls, text: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("kind") not in IN_BATCHES:
            return cls._nothing(text)
        return _text(text or "")

    @staticmethod
    def _nothing(value: str | None) -> None:
        if value:
            raise ValueError(f"is for the kind {ANNOUNCEMENT.name} alone: leave it out")

    @property
    def gaps(self) -> list[str]:
        """Return what its text has gaps for, each once."""
        return list(dict.fromkeys(_GAP.findall(self.text or "")))

    def content_hash(self, file: BinaryIO) -> str:
        """Return what makes it the same batch again, whatever its name."""
        said = hashlib.sha256(repr((self.kind, self.purpose, self.text)).encode())
        file.seek(0)
        while part := file.read(1 << 20):
            said.update(part)
        return said.hexdigest()

    def table(self, file: BinaryIO) -> Table:
        """Return a file of rows for it.

        Raises:
            InvalidRequest: It cannot be read, with all that is wrong.
        """
        needed = [] if self.text else [name for name in _needed(self.kind) if name != "eventId"]
        return files.read(file, self.fields, ["phone", *needed], self.gaps)

    @property
    def fields(self) -> list[str]:
        """Return the fields that a row may have, as callers spell them."""
        return _fields(self.kind)

    @property
    def row_of_kinds(self) -> Kind:
        """Return its kind, with the purpose of this batch."""
        kind = (KINDS | IN_BATCHES)[self.kind]
        return replace(kind, purpose=self.purpose) if self.purpose else kind


@lru_cache
def _fields(kind: str) -> list[str]:
    ours = field_words.names((KINDS | IN_BATCHES)[kind].body)
    left_out = _NOT_TAKEN | (_NOT_OF_ANNOUNCEMENTS if kind in IN_BATCHES else set())
    return [name for name in ours if name not in left_out]


@lru_cache
def _needed(kind: str) -> list[str]:
    fields = (KINDS | IN_BATCHES)[kind].body.model_fields.items()
    return [
        str(field.alias or name)
        for name, field in fields
        if field.is_required() and name not in {"phone", "event_id"}
    ]


def values(draft: Draft, row: Row) -> dict[str, Any]:
    """Return what is kept of a row until it is a delivery: no more than its event needs."""
    names = {*draft.fields, *draft.gaps}
    return {name: value for name, value in row.cells.items() if name in names}


def event(draft: Draft, number: int, given: Mapping[str, Any]) -> Event:
    """Return the event that a row tells of.

    Args:
        draft: The batch.
        number: The row's.
        given: Its values, the phone among them.

    Raises:
        BadRow: With all that is wrong, by column.
    """
    body = draft.row_of_kinds.body
    said = {name: given[name] for name in draft.fields if name in given}
    said.setdefault("eventId", event_id(draft, number))
    faults: dict[str, list[str]] = {}
    if draft.text:
        said["batch"] = draft.name
        said["words"], faults = _filled(draft.text, given)
    try:
        found = body.model_validate(said)
    except ValidationError as error:
        by_field, _ = field_words.faults(body, error, ())
        if faults:
            by_field.pop("words", None)
        elif "words" in by_field:
            by_field["text"] = by_field.pop("words")
        raise BadRow(by_field | faults) from None
    if faults:
        raise BadRow(faults)
    ours = channels.configured()
    if missing := [f"{one} is not set up" for one in found.channels or () if one not in ours]:
        raise BadRow({"channels": missing})
    return found


def event_id(draft: Draft, number: int) -> str:
    """Return the event id of a row that names none."""
    return f"{draft.name}/{number:06}"


class BadRow(Exception):
    """A row with faults, by column."""

    def __init__(self, faults: dict[str, list[str]]) -> None:
        self.faults = faults
        super().__init__("a row with faults")


def _filled(text: str, given: Mapping[str, Any]) -> tuple[str, dict[str, list[str]]]:
    """Return a text with its gaps filled, and what is wrong with what they are filled with."""
    faults: dict[str, list[str]] = {}

    def fill(gap: re.Match[str]) -> str:
        value = given.get(gap[1])
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            faults[gap[1]] = ["is empty, and the text has a gap for it"]
            return ""
        if not value.isprintable():
            faults[gap[1]] = ["must be one line of printable characters"]
        return value

    return _GAP.sub(fill, text), faults


def of_row(draft: Draft, row: BatchRow | Any, e164: str) -> Event:
    """Return the event of a row that was kept; BadRow where its time is over by now."""
    given = dict(row.fields or {}) | {"phone": e164, "eventId": row.event_id}
    return event(draft, row.number, given)


def of_batch(batch: Batch | Any) -> Draft:
    """Return what was said of a batch that is kept."""
    return Draft.model_construct(
        name=batch.name, kind=batch.kind, purpose=batch.purpose, text=batch.text
    )
