"""Accepting an event of any kind: its delivery is written down, then sent or left to a worker."""

import hashlib
import json
import logging
import time
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from smsapp import metrics
from smsapp.delivery import group_commit, leases, windows
from smsapp.delivery.new_deliveries import Accepted, NewDelivery
from smsapp.delivery.sending import send
from smsapp.delivery.settle import Settlement
from smsapp.events.fields import Event, how_to_stop
from smsapp.events.kind import Kind, message, variables
from smsapp.events.kinds import superseded_by
from smsapp.extensions import db, settings
from smsapp.models import Channel
from smsapp.phone import key_for_tests, other_spellings, phone_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event so far: as accepted, and as settled where the request sent it."""

    accepted: Accepted
    settlement: Settlement | None = None


def new_delivery(
    kind: Kind, event: Event, api_key_id: int | None, *, send_now: bool, is_test: bool = False
) -> NewDelivery:
    """Return an event's delivery as it is to be written down.

    That of a test key's event has a route of its own, whatever it asks for: out of nowhere.
    """
    config = settings()
    key = _key(event.phone, is_test=is_test)
    body = message(kind, event, config)
    rules = leases.rules()
    wanted = (Channel.TEST,) if is_test else event.channels or kind.route
    channel, *route = [one for one in wanted if one in rules.senders]
    ending = f" {how_to_stop(event.language)}"
    is_answer = kind.name in windows.ANSWERS
    says_all = is_answer or not config.shop_name or body.endswith(ending)
    return NewDelivery(
        kind=kind.name,
        event_id=event.event_id,
        content_hash=_content_hash(key, kind, event),
        phone_key=key,
        e164=event.phone,
        purpose=kind.purpose,
        channel=channel,
        route=tuple(route),
        locale=event.locale,
        variables=variables(kind, event, (channel, *route)),
        subject=kind.subject(event),
        body=body,
        consent_at=event.consent_at,
        max_age=kind.max_age(config),
        send_at=event.send_at,
        waits_for_morning=kind.waits_for_morning,
        time_zone=None,
        supersedes=kind.supersedes,
        superseded_by=superseded_by(kind),
        api_key_id=api_key_id,
        metadata=event.metadata,
        # What no mail is ever sent to is not kept.
        email=event.email if config.mail_server and not is_test else None,
        send_now=send_now,
        rules=rules,
        if_first="" if says_all else ending,
        details=kind.details(event, config),
    )


def accept(
    kind: Kind,
    event: Event,
    api_key_id: int | None,
    *,
    respond_async: bool,
    is_test: bool = False,
) -> Outcome:
    """Write the event's delivery down, and unless told to leave that to the worker, send it.

    Once this has committed the event is not lost, whatever happens to this process.
    """
    began = time.perf_counter()
    send_now = not respond_async
    delivery = new_delivery(kind, event, api_key_id, send_now=send_now, is_test=is_test)
    accepted = group_commit.write(db.engine, kind.accept, delivery)
    if not accepted.same_content:
        accepted = _under_another_spelling(delivery, kind, event) or accepted
    if not is_test:
        metrics.observe(metrics.ACCEPTANCE, time.perf_counter() - began, kind.name)
    if accepted.claim is None:
        return Outcome(accepted)
    try:
        return Outcome(accepted, send(accepted.claim))
    except (SQLAlchemyError, TimeoutError):
        # It is accepted; only how the call went could not be written. The lease will lapse and
        # the receipt will tell.
        log.exception("not settled", extra={"delivery": str(accepted.delivery_id)})
        return Outcome(accepted)


def _under_another_spelling(delivery: NewDelivery, kind: Kind, event: Event) -> Accepted | None:
    """Return what became of an event that came when its number had a key for each spelling."""
    for other in other_spellings(event.phone):
        key = _key(other, is_test=delivery.is_test)
        told = replace(delivery, content_hash=_content_hash(key, kind, event))
        accepted = group_commit.write(db.engine, kind.accept, told)
        if accepted.same_content:
            return accepted
    return None


def _key(e164: str, *, is_test: bool) -> str:
    return (key_for_tests if is_test else phone_key)(e164, settings().phone_key_bytes)


def _content_hash(key: str, kind: Kind, event: Event) -> str:
    """Return what makes an event with the same id the same event again."""
    content = json.dumps([key, *kind.content(event)])
    return hashlib.sha256(content.encode()).hexdigest()
