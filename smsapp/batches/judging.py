"""Judging a batch: every row is held to the rules of single events before any is sent.

Rows are read, checked and rendered outside of any transaction, some hundred at a time, and each
such chunk is one short commit among those of the events (group_commit): nobody waits for a file.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, BinaryIO

from sqlalchemy import Connection, bindparam, insert, select, update

from smsapp import field_words
from smsapp.batches import draft as drafts
from smsapp.batches import handing_in
from smsapp.batches.draft import BadRow, Draft
from smsapp.batches.files import Row, Table
from smsapp.batches.handing_in import By
from smsapp.batches.report import Report
from smsapp.delivery import first_texts, group_commit
from smsapp.delivery.new_deliveries import NewDelivery
from smsapp.events import accepting, lint
from smsapp.events.kind import Kind
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import Batch, BatchRow, BatchState, Delivery, RowState
from smsapp.recipients import permission, phones
from smsapp.recipients.permission import ConsentState

# Rows in one commit, which takes some milliseconds.
CHUNK = 200
# After so many rows whoever else is in this process has a turn.
TURN = 10

Progress = Callable[[int], object]

_KNOWN = select(Delivery.event_id, Delivery.content_hash).where(
    Delivery.kind == bindparam("kind"),
    Delivery.event_id.in_(bindparam("event_ids", expanding=True)),
)
_INSERT = insert(BatchRow)


@dataclass(slots=True)
class _Judged:
    """A row on its way through: what is to be kept of it, and its delivery as it would be."""

    number: int
    columns: dict[str, Any]
    delivery: NewDelivery | None = None


def judge(draft: Draft, file: BinaryIO, progress: Progress = lambda _: None) -> Report:
    """Return what would become of a batch; nothing is written, and no number remembered.

    Raises:
        InvalidRequest: The file cannot be read to its end.
    """
    table = draft.table(file)
    report = Report(rows=table.rows, ignored=table.ignored)
    for chunk in _chunks(draft, table, None, report):
        progress(len(chunk))
    return report


def hand_in(
    draft: Draft, file: BinaryIO, by: By, progress: Progress = lambda _: None
) -> tuple[uuid.UUID, bool]:
    """Keep a batch, judged and ready to be started; return its id, and whether it came before.

    Raises:
        InvalidRequest: The file cannot be read to its end. Nothing is kept.
        BatchNameTaken, BatchRepeated, BatchBusy: Another batch is in its way.
    """
    table = draft.table(file)
    batch_id, is_new = handing_in.begin(draft, draft.content_hash(file), table.rows, by)
    if not is_new:
        return batch_id, True
    report = Report(rows=table.rows, ignored=table.ignored)
    try:
        for chunk in _chunks(draft, table, by.api_key_id, report):
            rows = [row.columns | {"batch_id": batch_id} for row in chunk]
            numbers = {row.delivery.phone_key: row.delivery.e164 for row in chunk if row.delivery}
            group_commit.write(db.engine, _write, (rows, numbers))
            progress(len(chunk))
    except BaseException:
        handing_in.discard(batch_id)
        raise
    with db.engine.begin() as conn:
        ready = {"state": BatchState.READY, "report": report.as_json()}
        conn.execute(update(Batch).where(Batch.id == batch_id).values(ready))
    return batch_id, False


def _write(
    conn: Connection, chunks: list[tuple[list[dict[str, Any]], dict[str, str]]]
) -> list[None]:
    """Write rows, and the numbers that they are to. For group_commit."""
    numbers = {key: e164 for _, of_chunk in chunks for key, e164 in of_chunk.items()}
    if numbers:
        phones.remember_and_lock(conn, numbers)
    now = database_now(conn)
    for rows, _ in chunks:
        for row in rows:
            row["due_at"] = now if row["state"] is RowState.WAITING else None
        conn.execute(_INSERT, rows)
    return [None] * len(chunks)


def _chunks(
    draft: Draft, table: Table, api_key_id: int | None, report: Report
) -> Iterator[list[_Judged]]:
    judging = _Judging(draft, draft.row_of_kinds, api_key_id, report)
    rows = iter(table)
    while chunk := list(islice(rows, CHUNK)):
        yield judging.chunk(chunk)


class _Judging:
    """What is known of a file so far: rows that say the same must be found wherever they are."""

    def __init__(self, draft: Draft, kind: Kind, api_key_id: int | None, report: Report) -> None:
        self.draft, self.kind, self.api_key_id, self.report = draft, kind, api_key_id, report
        # Hashes, for a hundred thousand texts would fill the memory.
        self.events: dict[int, tuple[int, int]] = {}
        self.texts: set[int] = set()
        self.numbers: set[int] = set()
        self.shop_name = settings().shop_name

    def chunk(self, rows: list[Row]) -> list[_Judged]:
        """Judge some rows."""
        judged = []
        for n, row in enumerate(rows):
            if n % TURN == 0:
                time.sleep(0)
            judged.append(self._read(row))
        alive = [its.delivery for its in judged if its.delivery]
        known, people, untexted = self._asked(alive)
        for n, its in enumerate(judged):
            if n % TURN == 0:
                time.sleep(0)
            if its.delivery:
                self._judge(its, its.delivery, known, people, untexted)
        return judged

    def _read(self, row: Row) -> _Judged:
        faults = dict(row.faults)
        if faults and not row.cells:
            return self._faulty(row.number, faults)
        try:
            if slips := _misspelt(tuple(self.draft.fields), tuple(row.cells)):
                faults |= slips
            event = drafts.event(self.draft, row.number, row.cells)
        except BadRow as bad:
            faults = bad.faults | faults
        if faults:
            return self._faulty(row.number, faults)
        delivery = accepting.new_delivery(self.kind, event, self.api_key_id, send_now=False)
        kept = drafts.values(self.draft, row)
        kept.pop("phone", None)
        kept.pop("eventId", None)
        columns = {
            "number": row.number,
            "event_id": event.event_id,
            "phone_key": delivery.phone_key,
            "state": RowState.WAITING,
            "fields": kept,
            "segments": None,
            "faults": None,
        }
        return _Judged(row.number, columns, delivery)

    def _faulty(self, number: int, faults: dict[str, list[str]]) -> _Judged:
        self.report.note_faults(number, faults)
        columns: dict[str, Any] = {
            "number": number,
            "event_id": None,
            "phone_key": None,
            "state": RowState.FAULTY,
            "fields": None,
            "segments": None,
            "faults": faults,
        }
        return _Judged(number, columns)

    def _asked(
        self, rows: list[NewDelivery]
    ) -> tuple[dict[str, str], dict[str, ConsentState], set[str]]:
        """Return the events that came before, all that permission rests on, and who is new."""
        if not rows:
            return {}, {}, set()
        numbers: dict[str, str | None] = {row.phone_key: row.e164 for row in rows}
        with reading() as conn:
            ids = {"kind": self.kind.name, "event_ids": [row.event_id for row in rows]}
            known = {row.event_id: row.content_hash for row in conn.execute(_KNOWN, ids)}
            people = permission.consent_states(conn, numbers, rows[0].rules.allowed)
            new = {row.phone_key for row in rows if row.if_first}
            untexted = first_texts.untexted(conn, new, database_now(conn))
        return known, people, untexted

    def _judge(
        self,
        row: _Judged,
        delivery: NewDelivery,
        known: dict[str, str],
        people: dict[str, ConsentState],
        untexted: set[str],
    ) -> None:
        event_id, content = hash(delivery.event_id), hash(delivery.content_hash)
        first, same = self.events.setdefault(event_id, (row.number, content))
        if first != row.number and same != content:
            self._spoil(row, f"is also that of row {first}, which says something else")
        elif known.get(delivery.event_id, delivery.content_hash) != delivery.content_hash:
            self._spoil(row, "came before with other content")
        elif first != row.number or self._said_before(delivery):
            self.report.repeated += 1
            row.columns |= {"state": RowState.REPEATED, "fields": None}
        elif delivery.event_id in known:
            self.report.duplicates += 1
        elif reason := self._refusal(delivery, people):
            self.report.refused[reason] += 1
        else:
            is_first = delivery.phone_key in untexted
            body = delivery.body + first_texts.ending(
                delivery.phone_key, delivery.if_first, untexted
            )
            warnings = lint.warnings(body, self.shop_name, is_first=is_first)
            segments = self.report.note_text(row.number, body, delivery.e164, warnings)
            row.columns["segments"] = segments

    def _said_before(self, delivery: NewDelivery) -> bool:
        """Whether a row before says the same to the same number; others to it are counted."""
        text, number = hash((delivery.phone_key, delivery.body)), hash(delivery.phone_key)
        if text in self.texts:
            return True
        self.report.again += number in self.numbers
        self.texts.add(text)
        self.numbers.add(number)
        return False

    def _refusal(self, delivery: NewDelivery, people: dict[str, ConsentState]) -> str | None:
        nobody = ConsentState(is_listed=self._is_listed(delivery))
        theirs = people.get(delivery.phone_key, nobody)
        brings = delivery.consent_at is not None
        return permission.may_text(theirs, delivery.purpose, brings_consent=brings).refusal

    @staticmethod
    def _is_listed(delivery: NewDelivery) -> bool:
        allowed = delivery.rules.allowed
        return not allowed or delivery.e164 in allowed

    def _spoil(self, row: _Judged, fault: str) -> None:
        row.columns, row.delivery = self._faulty(row.number, {"eventId": [fault]}).columns, None


@lru_cache
def _misspelt(ours: tuple[str, ...], given: tuple[str, ...]) -> dict[str, list[str]]:
    return field_words.misspelt(ours, given)
