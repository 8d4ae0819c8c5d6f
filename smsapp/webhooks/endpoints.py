"""Webhook endpoints: made, listed, disabled, given new secrets; and told again what they missed."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from smsapp.errors import TooManyEndpoints
from smsapp.extensions import database_now, db, new_id, reading, settings
from smsapp.models import DisabledBecause, Webhook, WebhookEndpoint, WebhookState
from smsapp.webhooks import secrets

# How many are told at most. Each has threads and connections of its own in every worker, and
# each that is enabled costs whatever happens a row.
MOST_ENABLED = 50
# Nobody counts further than this.
MOST_COUNTED = 10_000
LAST_DEAD = 50
# How many one call sends once more, and how many in one commit: the events have to come between.
MOST_REPLAYED = 100_000
REPLAYED_AT_ONCE = 1_000


_COUNTED = (WebhookState.PENDING, WebhookState.DEAD)
_SET = update(WebhookEndpoint).where(WebhookEndpoint.id == bindparam("of"))


class NameTaken(Exception):
    """There is an endpoint of this name, perhaps a disabled one."""


class Status(StrEnum):
    """How an endpoint does."""

    ENABLED = "enabled"
    FAILING = "failing"  # it is told, and took nothing lately
    GIVEN_UP = "given_up"  # it took nothing for a day, or is gone, and is told nothing more
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as its owner sees it.

    Attributes:
        row: Of the table.
        waiting, dead: How many of its webhooks do, counted up to MOST_COUNTED.
    """

    row: Any
    waiting: int
    dead: int

    @property
    def status(self) -> Status:
        """Return how it does, in a word."""
        if self.row.disabled_because:
            asked = self.row.disabled_because is DisabledBecause.ASKED
            return Status.DISABLED if asked else Status.GIVEN_UP
        return Status.FAILING if self.row.failing_since else Status.ENABLED

    @property
    def types(self) -> list[str] | None:
        """Return what it wants to hear; None for all there is."""
        return self.row.types.split() if self.row.types else None


def create(
    name: str, url: str, types: Collection[str] | None, *, wants_bodies: bool
) -> tuple[uuid.UUID, str]:
    """Make an endpoint at an address that urls.fault finds no fault with; return id and secret.

    Raises:
        NameTaken: An endpoint of this name exists.
        TooManyEndpoints: MOST_ENABLED are.
    """
    endpoint_id = new_id()
    row: dict[str, Any] = {
        "id": endpoint_id,
        "name": name,
        "url": url,
        "types": f" {' '.join(sorted(set(types)))} " if types else None,
        "wants_bodies": wants_bodies,
    }
    try:
        with db.engine.begin() as conn:
            _make_sure_of_room(conn)
            row["created_at"] = database_now(conn)
            conn.execute(insert(WebhookEndpoint), row)
    except IntegrityError:
        raise NameTaken from None
    return endpoint_id, secrets.secret(settings().webhook_key, endpoint_id, 1)


def list_all() -> list[Endpoint]:
    """Return all endpoints, the disabled ones too, by name."""
    return _list()


def _list(*which: ColumnElement[bool]) -> list[Endpoint]:
    wanted = select(WebhookEndpoint.__table__).where(*which).order_by(WebhookEndpoint.name)
    with reading() as conn:
        rows = conn.execute(wanted).all()
        return [Endpoint(row, *(_count(conn, row.id, state) for state in _COUNTED)) for row in rows]


def _is(state: WebhookState) -> ColumnElement[bool]:
    """Return the condition written out, so that both databases see that a partial index serves."""
    return Webhook.state == bindparam("written_state", state, literal_execute=True)


def _count(conn: Connection, endpoint_id: uuid.UUID, state: WebhookState) -> int:
    some = (
        select(Webhook.id)
        .where(Webhook.endpoint_id == endpoint_id, _is(state))
        .limit(MOST_COUNTED)
        .subquery()
    )
    return conn.execute(select(func.count()).select_from(some)).scalar_one()


def find(endpoint_id: uuid.UUID) -> Endpoint | None:
    """Return an endpoint by its id."""
    return next(iter(_list(WebhookEndpoint.id == endpoint_id)), None)


def named(name: str) -> Endpoint | None:
    """Return an endpoint by its name."""
    return next(iter(_list(WebhookEndpoint.name == name)), None)


def last_dead(endpoint_id: uuid.UUID) -> Sequence[Any]:
    """Return the newest webhooks that an endpoint did not take."""
    with reading() as conn:
        return conn.execute(
            select(Webhook.__table__)
            .where(Webhook.endpoint_id == endpoint_id, _is(WebhookState.DEAD))
            .order_by(Webhook.id.desc())
            .limit(LAST_DEAD)
        ).all()


def disable(endpoint_id: uuid.UUID) -> None:
    """Let an endpoint hear nothing more; what waits for it stays for as long as it is kept."""
    with db.engine.begin() as conn:
        since = func.coalesce(WebhookEndpoint.disabled_at, database_now(conn))
        why = DisabledBecause.ASKED
        conn.execute(_SET.values(disabled_at=since, disabled_because=why), {"of": endpoint_id})


def enable(endpoint_id: uuid.UUID) -> None:
    """Let an endpoint hear what waits and what happens from now on.

    Raises:
        TooManyEndpoints: MOST_ENABLED others do.
    """
    with db.engine.begin() as conn:
        _make_sure_of_room(conn, beside=endpoint_id)
        again = _SET.values(disabled_at=None, disabled_because=None, failing_since=None)
        conn.execute(again, {"of": endpoint_id})


def _make_sure_of_room(conn: Connection, beside: uuid.UUID | None = None) -> None:
    enabled = select(func.count()).where(WebhookEndpoint.disabled_at.is_(None))
    others = enabled.where(WebhookEndpoint.id != beside) if beside else enabled
    if conn.execute(others).scalar_one() >= MOST_ENABLED:
        raise TooManyEndpoints


def rotate(endpoint_id: uuid.UUID) -> str:
    """Return another secret; for a day both the old one and this are signed with."""
    with db.engine.begin() as conn:
        another = _SET.values(
            generation=WebhookEndpoint.generation + 1, rotated_at=database_now(conn)
        )
        rotated = another.returning(WebhookEndpoint.generation)
        generation = conn.execute(rotated, {"of": endpoint_id}).scalar_one()
    return secrets.secret(settings().webhook_key, endpoint_id, generation)


def replay(
    endpoint_id: uuid.UUID,
    *,
    message_id: uuid.UUID | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Send webhooks once more, with three days from now; return how many.

    By its id one that was taken or is dead; else the dead ones of what happened from `since` on and
    before `until`, the oldest first and at most MOST_REPLAYED.
    """
    which: list[ColumnElement[bool]] = [Webhook.endpoint_id == endpoint_id]
    if message_id:
        which += [Webhook.message_id == message_id, Webhook.state != WebhookState.PENDING]
    else:
        which.append(_is(WebhookState.DEAD))
        which += [Webhook.occurred_at >= since] if since else []
        which += [Webhook.occurred_at < until] if until else []
    last, count = 0, 0  # by id, so that what dies anew meanwhile is not met again
    while count < MOST_REPLAYED:
        with db.engine.begin() as conn:
            ids = (
                conn.execute(
                    select(Webhook.id)
                    .where(*which, Webhook.id > last)
                    .order_by(Webhook.id)
                    .limit(REPLAYED_AT_ONCE)
                    .with_for_update(skip_locked=True)
                )
                .scalars()
                .all()
            )
            if not ids:
                break
            conn.execute(
                update(Webhook)
                .where(Webhook.id.in_(ids))
                .values(
                    state=WebhookState.PENDING,
                    due_at=database_now(conn),
                    done_at=None,
                    tries=0,
                    first_tried_at=None,
                )
            )
        last, count = ids[-1], count + len(ids)
    return count
