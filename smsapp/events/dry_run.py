"""What would become of an event: it is accepted as any other, and all of that is taken back.

So the answer follows the same rules to the letter, and nothing is written, sent or remembered.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from smsapp.delivery.new_deliveries import Accepted
from smsapp.delivery.sender import SenderState, read_state
from smsapp.events import accepting, lint
from smsapp.events.fields import Event, how_to_stop
from smsapp.events.kind import Kind
from smsapp.extensions import db, settings
from smsapp.models import Channel, Delivery
from smsapp.segments import Segments, count


@dataclass(frozen=True, slots=True)
class DryRun:
    """What an event would come to; of one that came before, what it has come to.

    `warnings` are sentences for whoever writes the shop's words.
    """

    accepted: Accepted
    body: str
    size: Segments
    channel: Channel
    due_at: datetime | None
    sender_state: SenderState
    warnings: list[str]


def dry_run(kind: Kind, event: Event, api_key_id: int, *, is_test: bool = False) -> DryRun:
    """Return what an event would come to now."""
    delivery = accepting.new_delivery(kind, event, api_key_id, send_now=False, is_test=is_test)
    with db.engine.connect() as conn, conn.begin() as transaction:
        (accepted,) = kind.accept(conn, [delivery])
        row = conn.execute(
            select(Delivery.body, Delivery.due_at).where(Delivery.id == accepted.delivery_id)
        ).one()
        state = read_state(conn, delivery.rules.senders[delivery.channel].name)
        transaction.rollback()
    body = delivery.body if accepted.is_duplicate else row.body
    is_first = body.endswith(how_to_stop(event.language))
    warnings = lint.warnings(body, settings().shop_name, is_first=is_first)
    return DryRun(accepted, body, count(body), delivery.channel, row.due_at, state, warnings)
