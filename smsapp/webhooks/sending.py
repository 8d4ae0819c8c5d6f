"""Sending webhooks: a lane for each endpoint, so that a slow one holds up no other.

All that was answered meanwhile is settled, and the next are claimed, in one commit; commits come
no closer than LINGER_SECONDS, so that hundreds of webhooks a second take little from the events.
"""

import json
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import Connection

from smsapp import clock, metrics
from smsapp.config import Settings
from smsapp.extensions import database_now, db, reading, settings
from smsapp.providers import webhook_client
from smsapp.webhooks import outbox, secrets
from smsapp.webhooks.ids import message_id
from smsapp.webhooks.outbox import GONE, RELEASED, Result
from smsapp.webhooks.types import TYPES

log = logging.getLogger(__name__)

# How many an endpoint is sent at once, and how many are claimed for it at most.
SENDERS = 8
CLAIMED = 96
LINGER_SECONDS = 0.05
# How often to look for more while all that was claimed is still on its way.
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook with all that sending it needs; `data` is None where that is gone."""

    row: Any
    endpoint: Any
    data: dict[str, Any] | None

    @property
    def id(self) -> str:
        """Return what the caller knows it by."""
        return message_id(self.row.message_id)


@dataclass(slots=True)
class Lane:
    """The threads that send to one endpoint, and what they are to send."""

    queue: SimpleQueue[Message | None] = field(default_factory=SimpleQueue)
    threads: list[threading.Thread] = field(default_factory=list)


def send_due(stopping: threading.Event) -> None:
    """Send all that is due, until nothing is; once `stopping` is set, only what has begun."""
    answered: SimpleQueue[Result] = SimpleQueue()
    lanes: dict[uuid.UUID, Lane] = {}
    on_its_way: Counter[uuid.UUID] = Counter()
    try:
        while True:
            results = _answered(answered, wait=bool(on_its_way.total()))
            is_stopping = stopping.is_set()
            with_room = [] if is_stopping else _with_room(on_its_way)
            if results or with_room:
                messages = _turn(results, with_room, on_its_way)
                on_its_way.subtract(each.webhook.endpoint_id for each in results)
                on_its_way.update(each.row.endpoint_id for each in messages)
                for message in messages:
                    lane = lanes.setdefault(message.row.endpoint_id, Lane())
                    _put(lane, message, answered, stopping, settings())
            if not on_its_way.total() and (is_stopping or not with_room):
                return
    finally:
        for lane in lanes.values():
            for _ in lane.threads:
                lane.queue.put(None)
        for lane in lanes.values():
            for thread in lane.threads:
                thread.join()


def _answered(queue: SimpleQueue[Result], *, wait: bool) -> list[Result]:
    """Return what came since; where some is on its way, wait for the first and a little more."""
    found: list[Result] = []
    with suppress(Empty):
        if wait:
            found.append(queue.get(timeout=POLL_SECONDS))
            time.sleep(LINGER_SECONDS)
        while True:
            found.append(queue.get_nowait())
    return found


def _with_room(on_its_way: Counter[uuid.UUID]) -> Sequence[Any]:
    with reading() as conn:
        found = outbox.with_work(conn, database_now(conn))
    return [endpoint for endpoint in found if on_its_way[endpoint.id] < CLAIMED]


def _turn(
    results: Sequence[Result], endpoints: Iterable[Any], on_its_way: Counter[uuid.UUID]
) -> list[Message]:
    """Settle and claim in one commit; return what is now to be sent."""
    back = Counter(each.webhook.endpoint_id for each in results)
    with db.engine.begin() as conn:
        now = database_now(conn)
        outbox.settle(conn, results, now)
        claimed = {
            endpoint: outbox.claim(
                conn, endpoint.id, CLAIMED - on_its_way[endpoint.id] + back[endpoint.id], now
            )
            for endpoint in endpoints
        }
        messages = [
            message
            for endpoint, rows in claimed.items()
            for message in _messages(conn, endpoint, rows)
        ]
    for each in results:
        metrics.count(metrics.WEBHOOKS, each.trouble or "taken")
    return messages


def _messages(conn: Connection, endpoint: Any, rows: Sequence[Any]) -> list[Message]:
    """Read what webhooks are about: one query for all that are read alike."""
    data: dict[int, dict[str, Any]] = {}
    known = [row for row in rows if row.type in TYPES]
    for read in {TYPES[row.type].read for row in known}:
        data |= read(conn, [row for row in known if TYPES[row.type].read is read])
    return [Message(row, endpoint, data.get(row.id)) for row in rows]


def _put(
    lane: Lane,
    message: Message,
    answered: SimpleQueue[Result],
    stopping: threading.Event,
    config: Settings,
) -> None:
    if len(lane.threads) < SENDERS:
        args = (lane.queue, answered, stopping, config)
        thread = threading.Thread(target=_send_queued, args=args, name="webhooks")
        thread.start()
        lane.threads.append(thread)
    lane.queue.put(message)


def _send_queued(
    queue: SimpleQueue[Message | None],
    answered: SimpleQueue[Result],
    stopping: threading.Event,
    config: Settings,
) -> None:
    while message := queue.get():
        trouble: str | None = RELEASED
        if not stopping.is_set():
            try:
                trouble = _send(message, config)
            except Exception:  # whatever it is: the lane goes on, and it is tried again
                log.exception("webhook not sent", extra={"webhook": message.id})
                trouble = "bug"
        answered.put(Result(message.row, trouble))


def _send(message: Message, config: Settings) -> str | None:
    """Sign and post one; return None once it is taken, else a word for why not."""
    if message.data is None:
        return GONE
    row, endpoint = message.row, message.endpoint
    now = clock.now()
    told = body(row, message.data, with_words=endpoint.wants_bodies)
    signed_with = secrets.in_force(
        config.webhook_key, endpoint.id, endpoint.generation, endpoint.rotated_at, now
    )
    headers = secrets.headers(signed_with, message.id, now, told)
    trouble = webhook_client.post(
        endpoint.url,
        told.encode(),
        headers | {"Content-Type": "application/json", "User-Agent": "smsapp"},
        allow_private=config.webhook_allow_private,
    )
    if trouble:
        log.warning(
            "webhook not taken",
            extra={"webhook": message.id, "endpoint": str(endpoint.id), "trouble": trouble},
        )
    return trouble


def body(row: Any, data: dict[str, Any], *, with_words: bool) -> str:
    """Return what is posted: the same text at every try, unless something was erased since."""
    shown = {name: value for name, value in data.items() if with_words or name != "body"}
    told = {"type": row.type, "timestamp": row.occurred_at.isoformat(), "data": shown}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
