"""What happened to one delivery, step by step. Pure: rows come in, steps go out."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.states import RANK, STOPPED
from smsapp.models import (
    Act,
    Attempt,
    AttemptState,
    Audit,
    CallOutcome,
    Channel,
    ConsentAction,
    Delivery,
    DeliveryState,
    Ignored,
    Inbound,
    OptOut,
    Receipt,
    RejectedReceipt,
)
from smsapp.providers.whatsapp_codes import BY_TEMPLATE


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened, with its time and who said so.

    `source` is api (the event came in, or a service canceled it), smsapp (we decided), request or
    worker (we called Twilio, or a mail server), twilio or mail_server (the answer to that call),
    receipt (Twilio's callback), look_up (its answer to a question of ours), operator (somebody in
    the console), customer (they texted, or changed their mind).

    Attributes:
        status: What happened, as a word.
        attempt: The number of the attempt it is about.
        consent: The row of the consent ledger that permission rested on, or that was written.
        ignored: Why a receipt moved nothing.
        body: The words of a text from the customer; for people alone, never for the API.
        by: Who did it: an operator's name, likewise for people alone, or an API key's.
        channel: Over which the attempt was made; None for what is about none.
    """

    at: datetime
    status: str
    source: str
    attempt: int | None = None
    error_code: int | None = None
    reason: str | None = None
    sid: str | None = None
    consent: Any | None = None
    ignored: str | None = None
    body: str | None = None
    by: str | None = None
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class History:
    """All rows that a delivery's steps are made of, each kind in the order of its time.

    Attributes:
        consents: The number's rows of the ledger for the delivery's purpose.
        acts: (audit row, operator's name) of what was done to the delivery.
    """

    attempts: Sequence[Attempt]
    receipts: Sequence[Receipt]
    ignored: Sequence[RejectedReceipt]
    consents: Sequence[Any]
    opt_outs: Sequence[OptOut]
    texts: Sequence[Inbound]
    acts: Sequence[Row[Audit, str]]


LATE = "late"


def steps(delivery: Delivery, happened: History) -> list[Step]:
    """Return a delivery's steps, oldest first."""
    found = [
        *_accepted(delivery, happened),
        *_attempted(happened),
        *_received(happened),
        *_ignored(happened),
        *_later(delivery, happened),
        *_acted(delivery, happened),
    ]
    return sorted(found, key=lambda step: step.at)


def _accepted(delivery: Delivery, happened: History) -> Iterator[Step]:
    at = delivery.created_at
    yield Step(at, "accepted", "api")
    refused = delivery.state is DeliveryState.SUPPRESSED and delivery.state_at <= at
    # Who sent it again overwrote when it had been suppressed.
    unclear = any(act.why and "suppressed" in act.why for act, _ in happened.acts)
    if not refused and not unclear:
        yield _permission(at, happened)


def _permission(at: datetime, happened: History, attempt: int | None = None) -> Step:
    """Return that permission was given then; the ledger only grows, so what it said still shows."""
    rows = [row for row in happened.consents if row.at <= at]
    return Step(at, "permitted", "smsapp", attempt, consent=rows[-1] if rows else None)


def _attempted(happened: History) -> Iterator[Step]:
    before = None
    for attempt in happened.attempts:
        if before and before.channel is not attempt.channel:
            yield Step(
                attempt.started_at, "next_channel", "smsapp", attempt.number, reason=attempt.channel
            )
        elif before and before.error_code in BY_TEMPLATE:
            yield Step(attempt.started_at, "by_template", "smsapp", attempt.number)
        before = attempt
        if attempt.source == "worker" or attempt.number > 1:
            yield _permission(attempt.started_at, happened, attempt.number)
        yield Step(
            attempt.started_at,
            "sending",
            attempt.source,
            attempt.number,
            channel=attempt.channel,
        )
        if attempt.settled_at and attempt.outcome:
            yield Step(
                attempt.settled_at,
                attempt.outcome,
                "mail_server" if attempt.channel is Channel.EMAIL else "twilio",
                attempt.number,
                error_code=attempt.error_code if attempt.outcome is CallOutcome.REFUSED else None,
                reason=attempt.trouble,
                sid=attempt.sid if attempt.outcome is CallOutcome.ACCEPTED else None,
                channel=attempt.channel,
            )


def _received(happened: History) -> Iterator[Step]:
    numbers = {attempt.id: attempt.number for attempt in happened.attempts}
    channels = {attempt.id: attempt.channel for attempt in happened.attempts}
    states = {attempt.id: CHANNELS[attempt.channel].state_of for attempt in happened.attempts}
    reached: dict[uuid.UUID, int] = {}
    for receipt in happened.receipts:
        rank = RANK[states[receipt.attempt_id](receipt.status) or AttemptState.QUEUED]
        late = rank < reached.get(receipt.attempt_id, 0)
        reached[receipt.attempt_id] = max(rank, reached.get(receipt.attempt_id, 0))
        yield Step(
            receipt.received_at,
            receipt.status,
            receipt.source,
            numbers[receipt.attempt_id],
            error_code=receipt.error_code or None,
            ignored=LATE if late else None,
            channel=channels[receipt.attempt_id],
        )


def _ignored(happened: History) -> Iterator[Step]:
    numbers = {attempt.id: attempt.number for attempt in happened.attempts}
    for receipt in happened.ignored:
        yield Step(
            receipt.received_at,
            receipt.status,
            "receipt",
            numbers[receipt.attempt_id],
            error_code=receipt.error_code or None,
            sid=receipt.sid if receipt.why is not Ignored.REPEATED else None,
            ignored=receipt.why,
        )


def _later(delivery: Delivery, happened: History) -> Iterator[Step]:
    """Yield what the customer did since: their texts, and what they agreed to or stopped."""
    since = delivery.created_at
    for text in happened.texts:
        yield Step(
            text.received_at,
            text.keyword or ("voicemail" if text.channel == Channel.CALL else "text"),
            "customer",
            sid=text.sid,
            body=text.body,
        )
    for row in happened.consents:
        if row.at > since:
            granted = row.action is ConsentAction.GRANTED
            status = "consent_granted" if granted else "consent_withdrawn"
            yield Step(row.at, status, "customer", reason=row.source, consent=row)
    for out in happened.opt_outs:
        if out.created_at >= since:
            yield Step(out.created_at, "opted_out", "smsapp", reason=out.source)
        if out.lifted_at and out.lifted_at >= since:
            yield Step(out.lifted_at, "opt_out_lifted", "smsapp", reason=out.source)


def _acted(delivery: Delivery, happened: History) -> Iterator[Step]:
    for act, by in happened.acts:
        if act.act is not Act.SHOWN:
            yield Step(act.at, act.act, "operator", by=by, reason=act.why)
    canceled = delivery.state is DeliveryState.CANCELED
    if canceled and delivery.canceled_by:
        yield Step(delivery.state_at, "canceled", "api", by=delivery.canceled_by)
        return
    canceled = canceled and any(act.act is Act.CANCELED for act, _ in happened.acts)
    if (delivery.reason or delivery.state in STOPPED) and not canceled:
        code = delivery.error_code
        reason = delivery.reason
        yield Step(delivery.state_at, delivery.state, "smsapp", error_code=code, reason=reason)
