"""How a batch stands: its figures while it runs, and what became of each of its rows."""

import csv
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from smsapp.batches import draft as drafts
from smsapp.batches.draft import BadRow
from smsapp.batches.expanding import SHARE
from smsapp.delivery import channels, first_texts, pace, sender
from smsapp.errors import NotFound
from smsapp.events import accepting
from smsapp.extensions import database_now, reading
from smsapp.models import (
    Batch,
    BatchDeed,
    BatchRow,
    BatchState,
    Channel,
    Delivery,
    DeliveryState,
    Phone,
    RowState,
)
from smsapp.phone import mask

PAGE = 1000
LIST = 50

_OF = BatchRow.batch_id == bindparam("of")
_COUNTS = (
    select(BatchRow.state, Delivery.state.label("delivery_state"), func.count().label("count"))
    .outerjoin(
        Delivery, (Delivery.id == BatchRow.delivery_id) & (BatchRow.state == RowState.ACCEPTED)
    )
    .where(_OF)
    .group_by(BatchRow.state, Delivery.state)
)
_RESULTS = (
    select(
        BatchRow.number,
        BatchRow.event_id,
        BatchRow.state,
        BatchRow.faults,
        BatchRow.segments,
        BatchRow.delivery_id,
        Phone.e164,
        Delivery.state.label("delivery_state"),
        Delivery.reason,
        Delivery.error_code,
        Delivery.last_attempt_at,
    )
    .outerjoin(Phone, Phone.phone_key == BatchRow.phone_key)
    .outerjoin(Delivery, Delivery.id == BatchRow.delivery_id)
    .where(_OF, BatchRow.number > bindparam("after"))
    .order_by(BatchRow.number)
    .limit(PAGE)
)
HEADER = (
    "row",
    "event_id",
    "phone",
    "status",
    "reason",
    "error_code",
    "segments",
    "sent_at",
    "delivery_id",
)
# Spreadsheets run what begins so.
_ALIVE = ("=", "+", "-", "@", "\t", "\r")
WORDS = {
    RowState.DUPLICATE: "this event came before",
    RowState.REUSED: "this event id came before with other content",
    RowState.REPEATED: "a row before it says the same to the same number",
    RowState.GONE: "the number was erased or forgotten",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How a batch stands.

    Attributes:
        batch: Its row.
        rows: How many rows are in which state.
        deliveries: Of the accepted ones, how many deliveries are in which state.
        deeds: Who did what, the first first.
        per_second: Texts a second that it takes of the present rate; None for no limit.
    """

    batch: Any
    rows: dict[RowState, int]
    deliveries: dict[DeliveryState, int]
    deeds: list[Any]
    per_second: float | None

    @property
    def left(self) -> int:
        """Return how many rows are still to be sent."""
        return self.rows.get(RowState.WAITING, 0) + self.deliveries.get(DeliveryState.PENDING, 0)

    @property
    def seconds_left(self) -> int | None:
        """Return how long that takes at the present rate; None where nobody can say."""
        return round(self.left / self.per_second) if self.per_second else None


def recent() -> list[Any]:
    """Return the newest batches."""
    columns = (Batch.id, Batch.name, Batch.kind, Batch.state, Batch.rows, Batch.created_at)
    with reading() as conn:
        newest = select(*columns).order_by(Batch.created_at.desc()).limit(LIST)
        return list(conn.execute(newest).all())


def of(batch_id: uuid.UUID) -> Progress:
    """Return how a batch stands.

    Raises:
        NotFound: There is none.
    """
    with reading() as conn:
        batch = _batch(conn, batch_id)
        rows: dict[RowState, int] = {}
        deliveries: dict[DeliveryState, int] = {}
        for state, its, count in conn.execute(_COUNTS, {"of": batch_id}):
            rows[state] = rows.get(state, 0) + count
            if its is not None:
                deliveries[its] = count
        deeds = select(BatchDeed.act, BatchDeed.at, BatchDeed.by).where(
            BatchDeed.batch_id == batch_id
        )
        sms = channels.sender_of(Channel.SMS)
        rate = pace.rate(sender.read_state(conn, sms.name), sms.per_second, database_now(conn))
        done = list(conn.execute(deeds.order_by(BatchDeed.id)).all())
    return Progress(batch, rows, deliveries, done, rate and rate * SHARE)


def id_of(name: str) -> uuid.UUID:
    """Return the id of the batch of this name.

    Raises:
        NotFound: There is none.
    """
    with reading() as conn:
        found = conn.scalar(select(Batch.id).where(Batch.name == name))
    if found is None:
        raise NotFound("There is no batch of this name.")
    return found


def samples(batch: Any) -> list[tuple[int, str]]:
    """Return some of a batch's texts by the numbers of their rows, as they would be sent now."""
    numbers = (batch.report or {}).get("samples", [])
    draft, found = drafts.of_batch(batch), []
    query = (
        select(BatchRow.number, BatchRow.event_id, BatchRow.fields, Phone.e164)
        .join(Phone, Phone.phone_key == BatchRow.phone_key)
        .where(BatchRow.batch_id == batch.id, BatchRow.number.in_(numbers))
        .where(BatchRow.state == RowState.WAITING)
        .order_by(BatchRow.number)
    )
    with reading() as conn:
        for row in conn.execute(query).all():
            try:
                event = drafts.of_row(draft, row, row.e164 or "")
            except BadRow:  # its time is over
                continue
            of_row = accepting.new_delivery(draft.row_of_kinds, event, None, send_now=False)
            new = first_texts.untexted(conn, {of_row.phone_key}, database_now(conn))
            ending = first_texts.ending(of_row.phone_key, of_row.if_first, new)
            found.append((row.number, of_row.body + ending))
    return found


def results(batch_id: uuid.UUID) -> Iterator[str]:
    """Yield what became of each row, as lines of CSV; numbers are masked.

    Raises:
        NotFound: There is no such batch.
    """
    with reading() as conn:
        batch = _batch(conn, batch_id)
    return _lines(batch)


def _lines(batch: Any) -> Iterator[str]:
    yield _csv([HEADER])
    after = 0
    while True:
        with reading() as conn:
            rows = conn.execute(_RESULTS, {"of": batch.id, "after": after}).all()
        if not rows:
            return
        after = rows[-1].number
        yield _csv([_result(batch, row) for row in rows])


def _result(batch: Any, row: Any) -> tuple[object, ...]:
    status, reason = str(row.state), WORDS.get(row.state, "")
    if row.state is RowState.ACCEPTED:
        status, reason = str(row.delivery_state), row.reason or ""
    elif row.state is RowState.FAULTY:
        reason = "; ".join(f"{name} {one}" for name, said in row.faults.items() for one in said)
    elif row.state is RowState.WAITING and batch.state is BatchState.CANCELED:
        status = str(DeliveryState.CANCELED)
    return (
        row.number,
        row.event_id or "",
        mask(row.e164).removeprefix("+") if row.e164 else "",
        status,
        reason,
        row.error_code or "",
        row.segments or "",
        row.last_attempt_at.isoformat() if row.last_attempt_at else "",
        row.delivery_id or "",
    )


def _csv(rows: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([[_dead(cell) for cell in row] for row in rows])
    return out.getvalue()


def _dead(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    text = str(cell)
    return f"'{text}" if text.startswith(_ALIVE) else text


def _batch(conn: Connection, batch_id: uuid.UUID) -> Any:
    batch = conn.execute(select(Batch.__table__).where(Batch.id == batch_id)).one_or_none()
    if batch is None:
        raise NotFound("There is no such batch.")
    return batch
