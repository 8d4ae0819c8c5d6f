"""The consent ledger: append-only, one chain per phone.

Each row's mac is an HMAC over the row and over the mac of the phone's row before it, so that a
changed, missing or inserted row shows; how many rows there should be stands with the phone.
"""

import hmac
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from smsapp.extensions import insert_into
from smsapp.models import Consent, ConsentAction, ConsentEvidence, ConsentSource, Phone, Wording
from smsapp.recipients.purposes import Words

GENESIS = "0" * 64

_ROWS = (
    select(Consent.__table__)
    .where(Consent.phone_key.in_(bindparam("phone_keys", expanding=True)))
    .order_by(Consent.phone_key, Consent.seq)
)
_INSERT = insert(Consent)
_INSERT_EVIDENCE = insert(ConsentEvidence)
_COUNT = (
    update(Phone)
    .where(Phone.phone_key == bindparam("of"))
    .values(consents=Phone.consents + bindparam("more"))
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to write into the ledger."""

    purpose: str
    action: ConsentAction
    source: ConsentSource
    words: Words
    since: datetime | None = None  # when it was said, if not now
    verify_sid: str | None = None
    address: str | None = None
    user_agent: str | None = None


def rows_of(conn: Connection, phone_keys: Collection[str]) -> dict[str, list[Row[Any]]]:
    """Return the ledger of each phone key, oldest row first."""
    found: dict[str, list[Row[Any]]] = {key: [] for key in phone_keys}
    for row in conn.execute(_ROWS, {"phone_keys": list(phone_keys)}):
        found[row.phone_key].append(row)
    return found


def with_words(phone_key: str, *more: Any) -> Select[Any]:
    """Return the query for a number's rows of the ledger, each with its words and its evidence."""
    return (
        select(
            Consent.seq,
            Consent.purpose,
            Consent.action,
            Consent.source,
            Consent.since,
            Wording.text.label("words"),
            ConsentEvidence.address,
            ConsentEvidence.user_agent,
            *more,
        )
        .join(Wording, Wording.hash == Consent.wording_hash)
        .outerjoin(
            ConsentEvidence,
            (ConsentEvidence.phone_key == Consent.phone_key) & (ConsentEvidence.seq == Consent.seq),
        )
        .where(Consent.phone_key == phone_key)
    )


def append(
    conn: Connection,
    key: bytes,
    entries: Iterable[tuple[str, Entry]],
    before: dict[str, list[Row[Any]]],
    at: datetime,
) -> None:
    """Write (phone key, entry) pairs at the ends of their chains.

    The caller is alone with the numbers (phones.lock) since before it read `before`,
    so that two writers cannot both follow the same row.
    """
    heads = {
        k: (rows[-1].seq, rows[-1].mac) if rows else (0, GENESIS) for k, rows in before.items()
    }
    rows, evidence, words = [], [], {}
    for phone_key, entry in entries:
        seq, previous = heads[phone_key]
        row = {
            "phone_key": phone_key,
            "seq": seq + 1,
            "purpose": entry.purpose,
            "action": entry.action,
            "source": entry.source,
            "wording_version": entry.words.version,
            "wording_hash": entry.words.hash,
            "at": at,
            "since": entry.since or at,
            "verify_sid": entry.verify_sid,
        }
        row["mac"] = mac(key, row, previous)
        heads[phone_key] = (seq + 1, row["mac"])
        rows.append(row)
        words[entry.words.hash] = {"hash": entry.words.hash, "text": entry.words.text}
        if entry.address or entry.user_agent:
            evidence.append(
                {
                    "phone_key": phone_key,
                    "seq": seq + 1,
                    "address": entry.address,
                    "user_agent": entry.user_agent and entry.user_agent[:400],
                }
            )
    if not rows:
        return
    in_order = [words[name] for name in sorted(words)]
    conn.execute(insert_into(conn, Wording).on_conflict_do_nothing(), in_order)
    conn.execute(_INSERT, rows)
    if evidence:
        conn.execute(_INSERT_EVIDENCE, evidence)
    more = Counter(str(row["phone_key"]) for row in rows)
    conn.execute(_COUNT, [{"of": of, "more": count} for of, count in sorted(more.items())])


def mac(key: bytes, row: dict[str, Any], previous: str) -> str:
    """Return the HMAC of a row after the one whose mac is `previous`."""
    content = [
        row["phone_key"],
        row["seq"],
        row["purpose"],
        str(row["action"]),
        str(row["source"]),
        row["wording_version"],
        row["wording_hash"],
        row["at"].isoformat(),
        row["since"].isoformat(),
        row["verify_sid"],
        previous,
    ]
    return hmac.digest(key, json.dumps(content).encode(), "sha256").hex()


def faults(conn: Connection, key: bytes) -> Iterator[tuple[str, int, str]]:
    """Walk every chain; yield (phone key, sequence number, what is wrong with that row).

    `conn` has to see one state of the database throughout (extensions.reading), or what is
    written meanwhile looks like a fault.
    """
    shown = conn.execute(select(Wording.hash, Wording.text)).all()
    changed = {row.hash for row in shown if Words("", row.text).hash != row.hash}
    expected = {
        row.phone_key: row.consents for row in conn.execute(select(Phone.phone_key, Phone.consents))
    }
    stream = conn.execute(
        select(Consent.__table__).order_by(Consent.phone_key, Consent.seq),
        execution_options={"yield_per": 1000},
    )
    found: dict[str, tuple[int, str]] = {}
    for row in stream:
        seq, previous = found.get(row.phone_key, (0, GENESIS))
        if row.seq != seq + 1:
            yield row.phone_key, seq + 1, "missing"
        elif not hmac.compare_digest(row.mac, mac(key, dict(row._mapping), previous)):
            yield row.phone_key, row.seq, "changed or inserted"
        elif row.wording_hash in changed:
            yield row.phone_key, row.seq, "changed in its words"
        found[row.phone_key] = (row.seq, row.mac)
    for phone_key, count in expected.items():
        last = found.get(phone_key, (0, ""))[0]
        if last < count:
            yield phone_key, last + 1, "missing"
        elif last > count:
            yield phone_key, last, "inserted"
