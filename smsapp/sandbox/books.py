"""Writing messages and their past into the file."""

import sqlite3
from dataclasses import astuple, replace

from smsapp.sandbox.message import Message


def enter(db: sqlite3.Connection, message: Message) -> Message:
    """Write a new message down as the newest of its conversation; return it with its number."""
    values = astuple(message)[1:]
    marks = ", ".join("?" * len(values))
    seq = db.execute(f"INSERT INTO message VALUES (NULL, {marks})", values).lastrowid or 0  # noqa: S608 - question marks
    db.execute(
        "INSERT INTO conversation (number, last_seq, texts) VALUES (?, ?, 1) ON CONFLICT (number)"
        " DO UPDATE SET last_seq = excluded.last_seq, texts = texts + 1",
        (message.customer, seq),
    )
    remember(db, message, message.created_at)
    return replace(message, seq=seq)


def remember(db: sqlite3.Connection, message: Message, now: float) -> None:
    """Add a message's status to its past."""
    db.execute(
        "INSERT INTO history (sid, status, error_code, at) VALUES (?, ?, ?, ?)",
        (message.sid, message.status, message.error_code, now),
    )


def strike_out(db: sqlite3.Connection, sid: str) -> None:
    """Forget one message; receipts already written still go out."""
    for table in ("history", "step"):
        db.execute(f"DELETE FROM {table} WHERE sid = ?", (sid,))  # noqa: S608
    row = db.execute("DELETE FROM message WHERE sid = ? RETURNING customer", (sid,)).fetchone()
    if row:
        db.execute(
            "UPDATE conversation SET texts = texts - 1, last_seq = coalesce("
            "(SELECT max(seq) FROM message WHERE customer = number), 0) WHERE number = ?",
            row,
        )
        db.execute("DELETE FROM conversation WHERE number = ? AND texts = 0", row)


def burn(db: sqlite3.Connection) -> None:
    """Forget every message, and every receipt still to be posted."""
    for table in ("message", "history", "step", "receipt", "conversation"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
