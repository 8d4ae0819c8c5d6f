"""Handing in: a batch gets its name once, and the same file again is the same batch."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from smsapp.batches.draft import Draft
from smsapp.errors import BatchBusy, BatchNameTaken, BatchRepeated
from smsapp.extensions import database_now, db, insert_into, new_id
from smsapp.models import Batch, BatchAct, BatchDeed, BatchRow, BatchState

# Nobody looks through a file for longer: whoever began died in the middle.
LONGEST = timedelta(minutes=10)
# The same rows under another name within it are an accident.
SAME_AGAIN = timedelta(days=1)
MAX_BY = 100


@dataclass(frozen=True, slots=True)
class By:
    """Who does something to a batch: an API key, an operator, or a command."""

    name: str | None = None
    api_key_id: int | None = None
    operator_id: int | None = None

    @property
    def said(self) -> str:
        """Return how the batch's page names them."""
        if self.api_key_id is not None:
            return f"API key {self.name}"
        return f"operator {self.name}" if self.operator_id is not None else "a command"


def begin(draft: Draft, content_hash: str, rows: int, by: By) -> tuple[uuid.UUID, bool]:
    """Take the name for a batch; return its id, and whether it is new.

    Raises:
        BatchNameTaken: Another batch has it.
        BatchRepeated: The same came under another name just now.
        BatchBusy: It is being judged.
    """
    with db.engine.begin() as conn:
        now = database_now(conn)
        there = _of_name(conn, draft.name)
        if there and there.state is BatchState.CHECKING and there.created_at <= now - LONGEST:
            _delete(conn, there.id)
        elif there and there.started_at is None and there.state is BatchState.CANCELED:
            _delete(conn, there.id)  # nothing was ever sent under its name
        elif there:
            return _again(there, content_hash), False
        same = select(Batch.id).where(
            Batch.content_hash == content_hash,
            Batch.created_at > now - SAME_AGAIN,
            Batch.state != BatchState.CANCELED,
        )
        if other := conn.scalar(same.limit(1)):
            raise BatchRepeated(extra={"batchId": str(other)})
        batch_id = new_id()
        row = {
            "id": batch_id,
            "name": draft.name,
            "kind": draft.kind,
            "purpose": draft.purpose,
            "text": draft.text,
            "content_hash": content_hash,
            "state": BatchState.CHECKING,
            "rows": rows,
            "api_key_id": by.api_key_id,
            "operator_id": by.operator_id,
            "created_at": now,
        }
        taken = insert_into(conn, Batch).values(row).on_conflict_do_nothing().returning(Batch.id)
        if not conn.execute(taken).all():  # somebody else was quicker
            return _again(_of_name(conn, draft.name), content_hash), False
        note(conn, batch_id, BatchAct.HANDED_IN, by)
        return batch_id, True


def note(conn: Connection, batch_id: uuid.UUID, act: BatchAct, by: By) -> None:
    """Write down who did what to a batch."""
    said = {"id": new_id(), "batch_id": batch_id, "act": act, "by": by.said[:MAX_BY]}
    conn.execute(insert(BatchDeed).values(at=database_now(conn), **said))


def discard(batch_id: uuid.UUID) -> None:
    """Let a batch that could not be judged to its end leave nothing behind."""
    with db.engine.begin() as conn:
        _delete(conn, batch_id)


def _of_name(conn: Connection, name: str) -> Any:
    of_name = select(
        Batch.id, Batch.state, Batch.content_hash, Batch.created_at, Batch.started_at
    ).where(Batch.name == name)
    return conn.execute(of_name).one_or_none()


def _again(there: Any, content_hash: str) -> uuid.UUID:
    extra = {"batchId": str(there.id)}
    if there.content_hash != content_hash:
        raise BatchNameTaken(extra=extra)
    if there.state is BatchState.CHECKING:
        raise BatchBusy(extra=extra)
    found: uuid.UUID = there.id
    return found


def _delete(conn: Connection, batch_id: uuid.UUID) -> None:
    for table in (BatchRow, BatchDeed):
        conn.execute(delete(table).where(table.batch_id == batch_id))
    conn.execute(delete(Batch).where(Batch.id == batch_id))
