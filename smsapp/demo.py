"""A month of a small shop's life, for the sandbox: something to look at for whoever is new here.

Made of rows, for nobody can wait a month: what was told of 900 orders and some tickets, who had
agreed to it and who has not wanted it since, what failed, an hour in which Twilio was away, a
carrier that took our texts for spam, and what people answered. The same seed makes the same life.
All numbers are ones that are kept free for films and examples.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert

from smsapp.events.accepting import new_delivery
from smsapp.events.kind import Kind
from smsapp.events.kinds import KINDS
from smsapp.extensions import first_id, settings
from smsapp.languages import ENGLISH
from smsapp.models import (
    ApiKey,
    Attempt,
    AttemptSource,
    AttemptState,
    CallOutcome,
    ConsentAction,
    ConsentSource,
    Delivery,
    DeliveryState,
    Inbound,
    OptOutSource,
    Reason,
    Receipt,
)
from smsapp.phone import country, phone_key
from smsapp.recipients import consent, opt_out, phones
from smsapp.recipients.consent import Entry
from smsapp.recipients.purposes import purpose

LENGTH = timedelta(days=30)
ORDERS, TICKETS, CUSTOMERS = 900, 110, 420
SERVICES = ("shop", "warehouse", "help desk")

# How often an hour of the day, UTC, is the one in which somebody orders.
BY_HOUR = (1, 0, 0, 0, 0, 1, 3, 6, 9, 10, 11, 12, 13, 11, 10, 10, 11, 12, 13, 14, 12, 8, 4, 2)
ON_SUNDAY = 0.4

# An hour and some in which nothing reached Twilio, and the working day of a carrier in Germany
# that filtered us, so long after the month began.
OUTAGE = (timedelta(days=21, hours=14), timedelta(days=21, hours=15, minutes=12))
FILTER = (timedelta(days=26, hours=9), timedelta(days=26, hours=17))

REPLIES = (
    ("Thanks!", 14),
    ("Ok", 8),
    ("👍", 6),
    ("Can you leave it with my neighbour at no. 12?", 5),
    ("When exactly? I have to leave at 4", 4),
    ("It has not arrived yet", 4),
    ("Wrong address, please call me", 2),
    ("Please take me off your list", 2),
    ("Danke, ist da", 3),
    ("The box was open and one book is missing", 2),
)


@dataclass(frozen=True, slots=True)
class Try:
    """One call to Twilio and what its carrier said; times in seconds."""

    state: AttemptState
    code: int | None = None
    outcome: CallOutcome = CallOutcome.ACCEPTED
    trouble: str | None = None
    receipts: tuple[tuple[str, float], ...] = ()
    wait: float = 0.0  # since the try before


ARRIVES = Try(AttemptState.DELIVERED, receipts=(("sent", 1.1), ("delivered", 4.2)))
SILENT = Try(AttemptState.SENT, receipts=(("sent", 1.3),))


def undelivered(code: int, wait: float = 0.0) -> Try:
    """Return a text that the carrier could not bring, with Twilio's code."""
    said = (("sent", 1.0), ("undelivered", 31.0))
    return Try(AttemptState.UNDELIVERED, code, receipts=said, wait=wait)


def refused(code: int) -> Try:
    """Return a call that Twilio refused."""
    return Try(AttemptState.FAILED, code, CallOutcome.REFUSED)


AFTER_A_WHILE = Try(AttemptState.DELIVERED, receipts=ARRIVES.receipts, wait=300.0)
# How a text fares, and in how many of a thousand.
FATES: tuple[tuple[tuple[Try, ...], int], ...] = (
    ((ARRIVES,), 946),
    ((undelivered(30003), AFTER_A_WHILE), 17),  # switched off
    (tuple(undelivered(30003, wait) for wait in (0.0, 300.0, 900.0, 2700.0)), 6),
    ((undelivered(30005),), 8),  # nobody has the number
    ((undelivered(30006),), 6),  # a landline
    ((undelivered(30007),), 3),
    ((refused(21614),), 3),
    ((SILENT,), 11),
)
FILTERED = (undelivered(30007),)
ENDS = {
    AttemptState.DELIVERED: DeliveryState.DELIVERED,
    AttemptState.UNDELIVERED: DeliveryState.UNDELIVERED,
    AttemptState.FAILED: DeliveryState.FAILED,
    AttemptState.SENT: DeliveryState.SENT,
}


@dataclass
class _Life:
    """The rows of a month, as they come up."""

    began: datetime
    now: datetime
    chance: random.Random
    keys: dict[str, int]
    stopped: dict[str, datetime] = field(default_factory=dict)
    withdrew: dict[str, datetime] = field(default_factory=dict)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    inbound: list[dict[str, Any]] = field(default_factory=list)

    def id(self, at: datetime) -> uuid.UUID:
        """Return an id as new_id() would have made it then."""
        random_part = self.chance.getrandbits(80) & ~(0xF << 76) & ~(0x3 << 62)
        return uuid.UUID(int=first_id(at).int | random_part | 0x7 << 76 | 0x2 << 62)

    def sid(self) -> str:
        return f"SM{self.chance.getrandbits(128):032x}"


def fill(conn: Connection, now: datetime, seed: int = 18) -> int:
    """Write the month up to now into an empty database; return how many messages it has."""
    chance = random.Random(seed)  # noqa: S311  nothing secret
    life = _Life(now - LENGTH, now, chance, _keys(conn, now - LENGTH))
    customers = _customers(conn, life)
    for at, kind, fields, service in sorted(_told(life), key=lambda each: each[0]):
        number = customers[fields.pop("customer")]
        event = kind.body.model_validate(fields | {"phone": number})
        _message(life, at, kind, event, life.keys[service])
    _write(conn, life)
    return len(life.deliveries)


def _keys(conn: Connection, at: datetime) -> dict[str, int]:
    """Write the services down; nobody has their keys."""
    keys: dict[str, int] = {}
    for n, name in enumerate(SERVICES):
        row = {"name": name, "key_hash": f"{n:064x}", "scopes": "send", "created_at": at}
        keys[name] = conn.execute(insert(ApiKey).values(row).returning(ApiKey.id)).scalar_one()
    return keys


def _numbers() -> Iterator[str]:
    """Yield numbers that are nobody's: in the USA, the United Kingdom, Germany and France."""
    for n in range(100):
        yield from (f"+1{area}55501{n:02}" for area in (202, 312, 415))
        yield from (f"+4477009001{n:02}", f"+4477009007{n:02}")
        yield from (f"+4917139200{n:02}", f"+336399801{n:02}")


def _customers(conn: Connection, life: _Life) -> list[str]:
    """Write the customers down, with what they agreed to; return their numbers."""
    config = settings()
    numbers = list(dict.fromkeys(_numbers()))[:CUSTOMERS]
    keys: dict[str, str | None] = {
        phone_key(number, config.phone_key_bytes): number for number in numbers
    }
    phones.remember(conn, keys, life.began)
    asked = [purpose(name, ENGLISH) for name in ("order_updates", "support")]
    entries = [
        (key, Entry(each.name, ConsentAction.GRANTED, ConsentSource.PAGE, each.words))
        for key in keys
        for each in asked
    ]
    consent.append(conn, config.ledger_key, entries, {key: [] for key in keys}, life.began)
    leaving = life.chance.sample(sorted(keys), 16)
    for key in leaving[:10]:
        life.stopped[key] = _moment(life)
    for key in leaving[10:]:
        life.withdrew[key] = _moment(life)
    return numbers


def _moment(life: _Life) -> datetime:
    """Return when something happens that people do, at some time of the month."""
    while True:
        day = life.began + timedelta(days=life.chance.randrange(LENGTH.days + 1))
        if day.weekday() == 6 and life.chance.random() > ON_SUNDAY:
            continue
        (hour,) = life.chance.choices(range(24), BY_HOUR)
        seconds = life.chance.randrange(3600)
        at = day.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(seconds=seconds)
        if life.began < at < life.now:
            return at


Told = tuple[datetime, Kind, dict[str, Any], str]


def _told(life: _Life) -> Iterator[Told]:
    """Yield what the services tell: when, of which kind, its fields, and which of them."""
    pick = life.chance
    for number in count(10_001):
        if number > 10_000 + ORDERS:
            break
        ids = {"customer": pick.randrange(CUSTOMERS), "orderId": str(number)}
        link = {"trackingUrl": f"https://track.example/{number}"}
        at = _moment(life)
        if pick.random() < 0.12:
            yield _event(at, "order_ready", ids | {"place": "12 Market Street"}, "shop")
            continue
        yield _event(at, "order_shipped", ids | link, "warehouse")
        comes = (at + timedelta(days=pick.choice((1, 1, 2, 3)))).replace(hour=pick.randrange(6, 10))
        if pick.random() < 0.07:
            day = (comes + timedelta(days=2)).date().isoformat()
            yield _event(
                comes - timedelta(hours=4), "order_delayed", ids | {"expectedOn": day}, "shop"
            )
            comes += timedelta(days=2)
        yield _event(comes, "order_out_for_delivery", ids | link, "warehouse")
        arrives = comes + timedelta(minutes=pick.randrange(60, 480))
        yield _event(arrives, "order_delivered", ids, "warehouse")
    for number in range(501, 501 + TICKETS):
        fields = {"customer": pick.randrange(CUSTOMERS), "ticketId": f"T-{number}"}
        yield _event(_moment(life), "support_received", fields, "help desk")


def _event(at: datetime, name: str, fields: dict[str, Any], service: str) -> Told:
    subject = fields.get("orderId") or fields["ticketId"]
    return at, KINDS[name], fields | {"eventId": f"{name}-{subject}"}, service


def _message(life: _Life, at: datetime, kind: Kind, event: Any, service: int) -> None:
    """Write one event's message down, with how it fared."""
    if at > life.now - timedelta(hours=2):
        return  # nothing is on its way when somebody looks
    new = new_delivery(kind, event, service, send_now=True)
    delivery = {
        "id": life.id(at),
        "kind": new.kind,
        "event_id": new.event_id,
        "content_hash": new.content_hash,
        "phone_key": new.phone_key,
        "purpose": new.purpose,
        "channel": new.channel,
        "subject": new.subject,
        "order_id": new.subject,
        "body": new.body,
        "consent_at": None,
        "api_key_id": service,
        "reason": None,
        "error_code": None,
        "undelivered": 0,
        "tries": 0,
        "expires_at": at + new.max_age,
        "last_attempt_at": None,
        "created_at": at,
    }
    life.deliveries.append(delivery)
    for left, reason in (
        (life.stopped, Reason.OPTED_OUT),
        (life.withdrew, Reason.CONSENT_WITHDRAWN),
    ):
        if new.phone_key in left and left[new.phone_key] < at:
            delivery |= {"state": DeliveryState.SUPPRESSED, "reason": reason, "state_at": at}
            return
    _try(life, delivery, _fate(life, at, country(event.phone)), at)


def _fate(life: _Life, at: datetime, where: str) -> tuple[Try, ...]:
    since = at - life.began.replace(hour=0, minute=0, second=0, microsecond=0)
    if OUTAGE[0] <= since < OUTAGE[1]:
        over = (OUTAGE[1] - since).total_seconds()
        away = Try(AttemptState.FAILED, None, CallOutcome.UNWRITTEN, "connect")
        return away, Try(AttemptState.DELIVERED, receipts=ARRIVES.receipts, wait=over)
    if FILTER[0] <= since < FILTER[1] and where == "DE":
        return FILTERED
    (fate,) = life.chance.choices([fate for fate, _ in FATES], [often for _, often in FATES])
    return fate


def _try(life: _Life, delivery: dict[str, Any], fate: tuple[Try, ...], at: datetime) -> None:
    """Write the calls of a message down, and what the last of them makes of it."""
    ended = at
    for number, each in enumerate(fate, start=1):
        at += timedelta(seconds=each.wait)
        id_, settled = life.id(at), at + timedelta(seconds=0.2)
        was_taken = each.outcome is CallOutcome.ACCEPTED
        life.attempts.append(
            {
                "id": id_,
                "delivery_id": delivery["id"],
                "number": number,
                "source": AttemptSource.REQUEST if number == 1 else AttemptSource.WORKER,
                "state": each.state,
                "sid": life.sid() if was_taken else None,
                "error_code": each.code,
                "outcome": each.outcome,
                "trouble": each.trouble,
                "segments": 1 if was_taken else None,
                "started_at": at,
                "settled_at": settled,
                "is_inferred": False,
            }
        )
        ended = settled
        for status, after in each.receipts:
            ended = at + timedelta(seconds=after * (0.7 + life.chance.random()))
            code = each.code if status == "undelivered" else None
            life.receipts.append(
                {"attempt_id": id_, "status": status, "error_code": code or 0, "received_at": ended}
            )
    last = fate[-1]
    delivery |= {
        "state": ENDS[last.state],
        "state_at": ended,
        "reason": Reason.REJECTED if last.state is AttemptState.FAILED else None,
        "error_code": last.code,
        "tries": 1,
        "undelivered": sum(each.state is AttemptState.UNDELIVERED for each in fate[:-1]),
        "last_attempt_at": at,
    }
    if last.state is AttemptState.DELIVERED and life.chance.random() < 0.04:
        (words,) = life.chance.choices([text for text, _ in REPLIES], [n for _, n in REPLIES])
        _reply(life, delivery["phone_key"], words, ended + timedelta(minutes=7))


def _reply(life: _Life, key: str, words: str, at: datetime, keyword: str | None = None) -> None:
    row = {"sid": life.sid(), "phone_key": key, "body": words, "keyword": keyword}
    life.inbound.append(row | {"received_at": at})


def _write(conn: Connection, life: _Life) -> None:
    for key, at in life.stopped.items():
        _reply(life, key, "STOP", at, "stop")
        opt_out.add(conn, key, OptOutSource.TEXT, at)
    config = settings()
    words = purpose("order_updates", ENGLISH).words
    gone = Entry("order_updates", ConsentAction.WITHDRAWN, ConsentSource.PAGE, words)
    for key, at in life.withdrew.items():
        before = consent.rows_of(conn, [key])
        consent.append(conn, config.ledger_key, [(key, gone)], before, at)
    for table, rows in (
        (Delivery, life.deliveries),
        (Attempt, life.attempts),
        (Receipt, life.receipts),
        (Inbound, life.inbound),
    ):
        conn.execute(insert(table), rows)
