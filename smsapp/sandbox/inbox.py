"""Reading what the carrier has: one message, pages of them, and conversations."""

from dataclasses import dataclass, field
from typing import Any

from smsapp.sandbox.database import Database
from smsapp.sandbox.message import OF_VERIFY, Message


@dataclass(frozen=True, slots=True)
class Conversation:
    """A customer's number and its newest text."""

    id: int
    number: str
    texts: int
    last: Message


@dataclass(frozen=True, slots=True)
class Receipt:
    """How the app answered a receipt for one status; None while it has not."""

    status: str
    answer: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class Text:
    """A message with its past: (status, at) and the receipts for them."""

    message: Message
    history: list[tuple[str, float]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)


class Inbox:
    """Looks at what the carrier has, and changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, sid: str) -> Message | None:
        """Return one message."""
        with self._database.read() as db:
            row = db.execute("SELECT * FROM message WHERE sid = ?", (sid,)).fetchone()
        return Message(*row) if row else None

    def listed(self, limit: int, to: str | None, before: Message | None) -> list[Message]:
        """Return the account's messages to a number, or all, that are older than `before`."""
        where, values = "direction NOT IN (?, ?)", list[object](OF_VERIFY)
        if to:
            where, values = f"{where} AND to_number = ?", [*values, to]
        if before:
            where, values = f"{where} AND seq < ?", [*values, before.seq]
        return self._newest(limit, where, *values)

    def sent_by_the_app(self) -> list[Message]:
        """Return what the carrier accepted from the app, newest first."""
        return self._newest(-1, "direction IN ('outbound-api', 'outbound-reply')")

    def conversations(self, limit: int) -> list[Conversation]:
        """Return the conversations with the newest texts, newest first."""
        with self._database.read() as db:
            rows = db.execute(
                "SELECT c.id, c.number, c.texts, m.* FROM conversation c"
                " JOIN message m ON m.seq = c.last_seq ORDER BY c.last_seq DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [_conversation(row) for row in rows]

    def conversation(self, conversation_id: int) -> Conversation | None:
        """Return one conversation."""
        with self._database.read() as db:
            row = db.execute(
                "SELECT c.id, c.number, c.texts, m.* FROM conversation c"
                " JOIN message m ON m.seq = c.last_seq WHERE c.id = ?",
                (conversation_id,),
            ).fetchone()
        return _conversation(row) if row else None

    def conversation_with(self, number: str) -> int:
        """Return the id of a customer's conversation, which there must be."""
        with self._database.read() as db:
            row = db.execute("SELECT id FROM conversation WHERE number = ?", (number,)).fetchone()
        return int(row[0])

    def count(self) -> tuple[int, int]:
        """Return how many conversations and how many texts there are."""
        with self._database.read() as db:
            row = db.execute("SELECT count(*), coalesce(sum(texts), 0) FROM conversation")
            conversations, texts = row.fetchone()
        return conversations, texts

    def texts(self, number: str, limit: int) -> list[Text]:
        """Return a customer's newest texts with their past, oldest first as on a phone."""
        messages = self._newest(limit, "customer = ?", number)
        texts = {m.sid: Text(m) for m in reversed(messages)}
        marks = ", ".join("?" * len(texts))
        with self._database.read() as db:
            past = db.execute(
                f"SELECT sid, status, at FROM history WHERE sid IN ({marks}) ORDER BY at, rowid",  # noqa: S608
                list(texts),
            ).fetchall()
            receipts = db.execute(
                f"SELECT sid, status, answer, tries FROM receipt WHERE sid IN ({marks})"  # noqa: S608
                " ORDER BY id",
                list(texts),
            ).fetchall()
        for sid, status, at in past:
            texts[sid].history.append((status, at))
        for sid, *rest in receipts:
            texts[sid].receipts.append(Receipt(*rest))
        return list(texts.values())

    def _newest(self, limit: int, where: str, *values: object) -> list[Message]:
        sql = f"SELECT * FROM message WHERE {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608 - conditions are ours
        with self._database.read() as db:
            rows = db.execute(sql, (*values, limit)).fetchall()
        return [Message(*row) for row in rows]


def _conversation(row: tuple[Any, ...]) -> Conversation:
    conversation_id, number, texts, *message = row
    return Conversation(conversation_id, number, texts, Message(*message))
