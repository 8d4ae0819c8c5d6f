"""Deliveries of events not seen before: the rows that a commit of the outbox inserts."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from smsapp.delivery import (
    daily_quota,
    first_texts,
    leases,
    restore,
    routes,
    sender,
    superseding,
    throttle,
    windows,
)
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.leases import Claim, Rules
from smsapp.delivery.sender import SenderSettings, SenderState
from smsapp.extensions import insert_into, new_id
from smsapp.models import (
    AttemptSource,
    Channel,
    ConsentAction,
    ConsentSource,
    Delivery,
    DeliveryState,
    Reason,
)
from smsapp.phone import country
from smsapp.recipients import consent, permission
from smsapp.recipients.consent import Entry
from smsapp.recipients.permission import ConsentState
from smsapp.recipients.purposes import TOLD_BY_SERVICE

# Kinds that go to the shop's own people, whom its settings name.
TO_STAFF = frozenset({"voicemail_left"})


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to accept; with send_now its first attempt is leased in the same commit.

    Attributes:
        if_first: What its body ends with if it is the first text that its number gets from us.
        send_at: When it is to leave; None for now.
        supersedes: Kinds whose waiting deliveries about the same subject it makes pointless.
        superseded_by: Kinds that make it pointless, even where they came in before it.
        canceled: Why it is not to be sent at all, though it might be.
        details: What its kind has to know of the event.
        metadata: What the service wants kept with it.
        route: The channels to be tried after `channel`.
        locale: The language of its words, BCP 47.
        variables: What fills the gaps of a template.
        email: The address that came with the event.
    """

    kind: str
    event_id: str
    content_hash: str
    phone_key: str
    e164: str
    purpose: str
    channel: Channel
    subject: str
    body: str
    consent_at: datetime | None
    max_age: timedelta
    api_key_id: int | None
    send_now: bool
    rules: Rules
    if_first: str = ""
    send_at: datetime | None = None
    waits_for_morning: bool = False
    time_zone: str | None = None
    supersedes: tuple[str, ...] = ()
    superseded_by: tuple[str, ...] = ()
    canceled: Reason | None = None
    details: Any = None
    metadata: dict[str, str] | None = None
    route: tuple[Channel, ...] = ()
    locale: str | None = None
    variables: tuple[str, ...] = ()
    email: str | None = None

    @property
    def needs_consent(self) -> bool:
        """Whether they have to have agreed: who wrote to us, or works for the shop, need not."""
        return not (self.answers or self.kind in TO_STAFF)

    @property
    def answers(self) -> bool:
        """Whether it answers what they wrote to us, which they need not agree to beside."""
        return self.kind in windows.ANSWERS

    @property
    def is_test(self) -> bool:
        """Whether a test key told of it: nothing leaves the app."""
        return self.channel is Channel.TEST

    @property
    def event(self) -> tuple[str, str]:
        """Return the idempotency key: an event id is unique per kind of event."""
        return self.kind, self.event_id


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one NewDelivery.

    `claim` is set where the caller now has to send. `same_content` is False where the event id
    came before with something else, and `is_test`
    where a test key told of it. `answer` is what its kind adds to the answer, as JSON.
    """

    delivery_id: uuid.UUID
    state: DeliveryState
    is_duplicate: bool = False
    same_content: bool = True
    reason: Reason | None = None
    error_code: int | None = None
    sid: str | None = None
    due_at: datetime | None = None
    claim: Claim | None = None
    is_test: bool = False
    answer: dict[str, Any] = field(default_factory=dict)


_WHICH = (
    select(Delivery.id)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
    .order_by(Delivery.id)
)


def write(
    conn: Connection,
    new: dict[tuple[str, str], NewDelivery],
    known: dict[str, ConsentState],
    untexted: set[str],
    now: datetime,
) -> dict[tuple[str, str], Accepted]:
    """Write deliveries of events not seen before, and the attempts of those to send at once.

    Another process may have been quicker: its events are missing from what is returned.
    """
    if not new:
        return {}
    rules = next(iter(new.values())).rules
    new = {event: _only_agreed(row, known) for event, row in new.items()}
    texts = daily_quota.texts_today(conn, {row.phone_key for row in new.values()}, now)
    ways = {
        channel: _way(conn, rules.senders[channel], new.values(), now)
        for channel in sorted({row.channel for row in new.values()})
    }
    later_kinds = {kind for row in new.values() for kind in row.superseded_by}
    told = superseding.told(conn, later_kinds, {row.subject for row in new.values()})
    lease = leases.leased(now, rules.lease) | {"tries": 1}
    written: dict[uuid.UUID, tuple[NewDelivery, dict[str, Any]]] = {}
    call_at: dict[uuid.UUID, float] = {}
    # Sorted, so that two processes cannot wait for each other's rows in a circle.
    for event in sorted(new):
        row = new[event]
        why_not = refusal(known, row)
        values = _new_row(row, why_not, now)
        why_canceled = canceled(row, told)
        if why_not is None and why_canceled is None:
            values["body"] += first_texts.ending(row.phone_key, row.if_first, untexted)
        way = ways[row.channel]
        if why_not:
            pass
        elif why_canceled:
            values |= {"state": DeliveryState.CANCELED, "reason": why_canceled, "due_at": None}
        elif restore.is_perhaps_known(way.sender_state, now):
            values |= restore.unknown(way.sender_state, now)
        elif row.phone_key in way.not_before:
            values["due_at"] = max(values["due_at"], way.not_before[row.phone_key])
        elif hold := way.sender_state.hold_of(row.e164):
            values["due_at"] = max(values["due_at"], hold.probe_at)
        elif row.phone_key not in way.addresses or CHANNELS[row.channel].has_window:
            pass  # whoever claims it finds the words, or another channel
        elif row.send_now and values["due_at"] == now and way.reservations:
            if row.is_test or daily_quota.reserve(texts, row.phone_key, rules.most_per_day):
                values |= lease
                call_at[values["id"]] = way.reservations.pop(0)
            else:
                values["due_at"] = daily_quota.next_day(now)
        written[values["id"]] = row, values
    columns = [values for _, values in written.values()]
    insert = insert_into(conn, Delivery).on_conflict_do_nothing(index_elements=["kind", "event_id"])
    conn.execute(insert, columns)
    inserted = conn.execute(_WHICH, {"ids": list(written)}).scalars().all()
    fresh = {}
    for row, values in map(written.__getitem__, inserted):
        address = ways[row.channel].addresses.get(row.phone_key) or ""
        claim = _claim(row, values, address, call_at.get(values["id"], 0.0))
        superseding.cancel(conn, row.supersedes, row.phone_key, row.subject, now, but=values["id"])
        fresh[row.event] = Accepted(
            values["id"],
            values["state"],
            reason=values["reason"],
            due_at=values["due_at"],
            claim=claim,
        )
    _note_consent(conn, [new[event] for event in fresh], known, now)
    claims = [accepted.claim for accepted in fresh.values() if accepted.claim]
    leases.write_attempts(conn, claims, AttemptSource.REQUEST, now)
    for channel, way in ways.items():
        rows = [values for _, values in map(written.__getitem__, inserted)]
        ours = [values for values in rows if values["channel"] is channel]
        restore.write_attempts(conn, ours, way.sender_state)
    return fresh


@dataclass(frozen=True, slots=True)
class _Way:
    """How a channel's sender stands, its reservations, and whom it reaches where, or not before."""

    sender_state: SenderState
    addresses: Mapping[str, str | None]
    reservations: list[float]
    not_before: Mapping[str, datetime]


def _way(conn: Connection, of: SenderSettings, new: Iterable[NewDelivery], now: datetime) -> _Way:
    rows = [row for row in new if row.channel is of.channel]
    state = sender.read_state(conn, of.name)
    wanted = sum(row.send_now for row in rows)
    reservations = throttle.reserve_for_requests(conn, of, state, wanted, now)
    provider, numbers = CHANNELS[of.channel], {row.phone_key: row.e164 for row in rows}
    not_before = provider.not_before(conn, numbers.keys(), now)
    return _Way(state, provider.addresses(conn, numbers), reservations, not_before)


def _only_agreed(row: NewDelivery, known: dict[str, ConsentState]) -> NewDelivery:
    """Return a delivery without WhatsApp on its route where its person has not agreed to that."""
    whole = (row.channel, *row.route)
    if (
        row.answers
        or Channel.WHATSAPP not in whole
        or known[row.phone_key].agreed_to(Channel.WHATSAPP)
    ):
        return row
    others = [one for one in whole if one is not Channel.WHATSAPP]
    if not others:
        return row  # and it is refused
    channel, *route = others
    return replace(row, channel=channel, route=tuple(route))


def refusal(known: dict[str, ConsentState], row: NewDelivery) -> Reason | None:
    """Return why an event's message may not be sent; None where it may."""
    brings = not row.needs_consent or row.consent_at is not None
    theirs = known[row.phone_key]
    refused = permission.may_text(theirs, row.purpose, brings_consent=brings).refusal
    asks = row.channel is Channel.WHATSAPP and not row.answers
    if refused is None and asks and not theirs.agreed_to(row.channel):
        return Reason.NO_CONSENT
    return refused


def canceled(row: NewDelivery, told: Collection[tuple[str, str, str]]) -> Reason | None:
    """Return why an event's message is not to be sent though it may, by what superseding.told."""
    is_pointless = any((row.phone_key, row.subject, kind) in told for kind in row.superseded_by)
    return Reason.SUPERSEDED if is_pointless else row.canceled


def _note_consent(
    conn: Connection, rows: list[NewDelivery], known: dict[str, ConsentState], now: datetime
) -> None:
    """Let the consent that events bring along fill ledgers that say nothing of their purpose.

    An erased person's stays as it is, whatever a service says.
    """
    told: dict[tuple[str, str], Entry] = {}
    for row in rows:
        of_phone = known[row.phone_key]
        silent = all(entry.purpose != row.purpose for entry in of_phone.consents)
        if silent and row.consent_at and not of_phone.was_erased:
            told.setdefault(
                (row.phone_key, row.purpose),
                Entry(
                    row.purpose,
                    ConsentAction.GRANTED,
                    ConsentSource.API,
                    TOLD_BY_SERVICE,
                    since=row.consent_at,
                ),
            )
    consent.append(
        conn,
        rows[0].rules.ledger_key if rows else b"",
        [(phone_key, entry) for (phone_key, _), entry in told.items()],
        {phone_key: list(known[phone_key].consents) for phone_key, _ in told},
        now,
    )


def _new_row(row: NewDelivery, refusal: Reason | None, now: datetime) -> dict[str, Any]:
    """Return the columns of a delivery that is suppressed or waits for a sender."""
    if row.channel is Channel.CALL and row.purpose in routes.BY_DAY:
        row = replace(row, waits_for_morning=True)
    due_at = leases.first_due(max(now, row.send_at or now), row.rules, row, row.e164)
    return {
        "id": new_id(),
        "kind": row.kind,
        "event_id": row.event_id,
        "content_hash": row.content_hash,
        "phone_key": row.phone_key,
        "purpose": row.purpose,
        "channel": row.channel,
        "route": routes.as_text(row.route),
        "locale": row.locale,
        "variables": list(row.variables) or None,
        "subject": row.subject,
        "order_id": row.subject,  # for older code
        "body": row.body,
        "metadata": row.metadata,
        "consent_at": row.consent_at,
        "api_key_id": row.api_key_id,
        "state": DeliveryState.SUPPRESSED if refusal else DeliveryState.PENDING,
        "state_at": now,
        "reason": refusal,
        "error_code": None,
        "tries": 0,
        "undelivered": 0,
        "waits_for_morning": row.waits_for_morning,
        "time_zone": row.time_zone,
        "expires_at": due_at + row.max_age,
        "due_at": None if refusal else due_at,
        "lease_token": None,
        "lease_until": None,
        "last_attempt_at": None,
        "check_at": None,
        "absent_since": None,
        "blanked_at": None,
        "created_at": now,
    }


def _claim(row: NewDelivery, values: dict[str, Any], address: str, call_at: float) -> Claim | None:
    if values["state"] is not DeliveryState.SENDING:
        return None
    return Claim(
        delivery_id=values["id"],
        attempt_id=new_id(),
        number=1,
        tries=1,
        lease_token=values["lease_token"],
        channel=row.channel,
        sender=row.rules.senders[row.channel].name,
        e164=row.e164,
        address=address,
        country=country(row.e164),
        phone_key=row.phone_key,
        purpose=row.purpose,
        body=values["body"],
        locale=row.locale,
        kind=row.kind,
        event_id=row.event_id,
        expires_at=values["expires_at"],
        call_at=call_at,
    )
