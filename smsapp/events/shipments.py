"""Shipments: `order_shipped`, one text for one event."""

import hashlib
import json
import logging
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from sqlalchemy.exc import SQLAlchemyError

from smsapp import clock, metrics
from smsapp.delivery import group_commit, leases, outbox
from smsapp.delivery.outbox import Accepted, NewDelivery
from smsapp.delivery.sending import send
from smsapp.delivery.settle import Settlement
from smsapp.events import texts
from smsapp.extensions import db, settings
from smsapp.phone import parse_e164, phone_key

log = logging.getLogger(__name__)

KIND = "order_shipped"
PURPOSE = "order_updates"

# A caller's clock may be this much ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)
# What programs write for “never” lies before: the year 1, say.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_HTTP = re.compile(r"https?://", re.IGNORECASE)
_URL = TypeAdapter(HttpUrl)


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _http_url(value: str) -> str:
    """Check a link and keep it as it was written: the customer gets what the shop sent."""
    try:
        _URL.validate_python(value)
    except ValidationError:
        raise ValueError("must be an http or https URL") from None
    if not _HTTP.match(value):  # browsers mend "https:example.com"; phones do not make it a link
        raise ValueError("must begin with http:// or https://")
    if re.search(r"\s", value) or _CONTROL.search(value):
        raise ValueError("must not hold spaces or control characters")
    return value


def _time_with_offset(value: object) -> object:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-06-02T09:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such time") from None


def _plausible(value: datetime) -> datetime:
    if value < EARLIEST:
        raise ValueError("must be a time since 1970: this one looks like an empty value")
    if value > clock.now() + CLOCK_SKEW:
        raise ValueError("must not be in the future: nobody can have agreed yet")
    return value


class OrderShipped(BaseModel):
    """What a service says when an order has left: the body of POST /api/order-shipped-sms."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        frozen=True,
        strict=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    event_id: Annotated[str, Field(min_length=6, max_length=120), AfterValidator(_printable)]
    phone: Annotated[str, AfterValidator(parse_e164)]
    order_id: Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_printable)]
    tracking_url: Annotated[str, Field(max_length=500), AfterValidator(_http_url)] | None = None
    consent_at: Annotated[datetime, BeforeValidator(_time_with_offset), AfterValidator(_plausible)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event so far: as accepted, and as settled where the request sent it."""

    accepted: Accepted
    settlement: Settlement | None = None


def max_age() -> timedelta:
    """Return for how long the text about a shipment matters."""
    return timedelta(hours=settings().order_shipped_max_age_hours)


def accept(event: OrderShipped, api_key_id: int, *, respond_async: bool) -> Outcome:
    """Write the event's delivery down, and unless told to leave that to the worker, send it.

    Once this has committed the event is not lost, whatever happens to this process.
    """
    began = time.perf_counter()
    config = settings()
    key = phone_key(event.phone, config.phone_key_bytes)
    content = json.dumps([key, event.order_id, event.tracking_url])
    content_hash = hashlib.sha256(content.encode()).hexdigest()
    delivery = NewDelivery(
        kind=KIND,
        event_id=event.event_id,
        content_hash=content_hash,
        phone_key=key,
        e164=event.phone,
        purpose=PURPOSE,
        order_id=event.order_id,
        body=texts.order_shipped(config.shop_name, event.order_id, event.tracking_url),
        consent_at=event.consent_at,
        max_age=max_age(),
        api_key_id=api_key_id,
        send_now=not respond_async,
        rules=leases.rules(),
    )
    accepted = group_commit.write(db.engine, outbox.accept, delivery)
    metrics.observe(metrics.ACCEPTANCE, time.perf_counter() - began, KIND)
    if accepted.claim is None:
        return Outcome(accepted)
    try:
        return Outcome(accepted, send(accepted.claim))
    except (SQLAlchemyError, TimeoutError):
        # It is accepted; only how the call went could not be written. The lease will lapse and
        # the receipt will tell.
        log.exception("not settled", extra={"delivery": str(accepted.delivery_id)})
        return Outcome(accepted)
