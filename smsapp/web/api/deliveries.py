"""What became of events, as JSON; and canceling what waits."""

import uuid
from typing import Any, cast

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue

from smsapp.api_keys import Scope
from smsapp.delivery import canceling
from smsapp.errors import InvalidRequest, NotFound, TooLate
from smsapp.events import appointments
from smsapp.events.appointments import Appointment
from smsapp.events.kinds import about, subject_field
from smsapp.events.order_shipped import ORDER_SHIPPED
from smsapp.extensions import csrf
from smsapp.models import Channel, DeliveryState
from smsapp.phone import mask
from smsapp.providers.twilio_errors import ErrorMeaning
from smsapp.trace import filtering, status_text, timeline, timeline_text
from smsapp.trace.timeline import Trace
from smsapp.web import guards
from smsapp.web.api.answers import AppointmentAnswer, DeliveryAnswer, Outline, Page, Trouble
from smsapp.web.api.listing import Wanted, write_cursor
from smsapp.web.api.parsing import details, parameter, parse_query
from smsapp.web.operations import Operation, told

NO_SUCH = "There is no such delivery."

bp = Blueprint("api_deliveries", __name__, url_prefix="/api")
csrf.exempt(bp)  # a key in a header is nothing that a foreign page could make a browser send


@bp.get("/deliveries/<uuid:delivery_id>")
@guards.api_key(Scope.READ, tests=True)
@told(Operation({200: (DeliveryAnswer,)}, errors=(NotFound,)))
def get_delivery(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Tell what became of a delivery."""
    return _answer(_seen(timeline.of_delivery(delivery_id)))


@bp.post("/deliveries/<uuid:delivery_id>/cancel")
@guards.api_key(Scope.SEND, tests=True)
@told(Operation({200: (DeliveryAnswer,)}, errors=(NotFound, TooLate)))
def cancel_delivery(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Cancel a delivery that waits, and tell how it then is."""
    if g.caller.is_test and not _seen(timeline.of_delivery(delivery_id)):
        raise NotFound(NO_SUCH)
    canceling.cancel(delivery_id, g.caller.name)
    return _answer(timeline.of_delivery(delivery_id))


@bp.get("/deliveries")
@guards.api_key(Scope.READ, tests=True)
@told(Operation({200: (Page, DeliveryAnswer)}, errors=(NotFound,), query=Wanted))
def list_deliveries() -> ResponseReturnValue:
    """List deliveries, newest first; or with eventId and kind, tell what became of that event."""
    answer = _of_event() if "eventId" in request.args else _listed()
    return cast(dict[str, Any], answer)


def _listed() -> Page:
    wanted = parse_query(Wanted)
    found = filtering.page(wanted.filter, wanted.limit, wanted.after, tests_alone=g.caller.is_test)
    return {
        "data": [_outline(row, row.e164, row.country, row.sid) for row in found.rows],
        "nextCursor": write_cursor(found.go_on_after, wanted.filter) if found.go_on_after else None,
    }


def _of_event() -> DeliveryAnswer:
    event_id = parameter("eventId")
    if not event_id:
        raise InvalidRequest(extra=details({"eventId": ["Give the event id: ?eventId=…"]}))
    kind = parameter("kind") or ORDER_SHIPPED.name
    # PostgreSQL cannot even be asked for a NUL.
    return described(None if "\0" in event_id + kind else _seen(timeline.of_event(kind, event_id)))


@bp.get("/messages/<sid>")
@guards.api_key(Scope.READ, tests=True)
@told(Operation({200: (DeliveryAnswer,)}, errors=(NotFound,)))
def get_message(sid: str) -> ResponseReturnValue:
    """Tell what became of the delivery that a Message SID belongs to."""
    return _answer(None if "\0" in sid else _seen(timeline.of_message(sid)))


def _seen(trace: Trace | None) -> Trace | None:
    """Return what the caller may see of it: a test key sees the deliveries of test keys alone."""
    if trace and g.caller.is_test and trace.delivery.channel is not Channel.TEST:
        return None
    return trace


def _answer(trace: Trace | None) -> ResponseReturnValue:
    return cast(dict[str, Any], described(trace))


def described(trace: Trace | None) -> DeliveryAnswer:
    """Return a delivery with its attempts and its timeline as JSON.

    Raises:
        NotFound: There is no such delivery.
    """
    if trace is None:
        raise NotFound(NO_SUCH)
    delivery, phone = trace.delivery, trace.phone
    newest = trace.attempts[-1] if trace.attempts else None
    arrived = delivery.state in {DeliveryState.DELIVERED, DeliveryState.READ}
    sid = next((a.sid for a in reversed(trace.attempts) if a.sid), None)
    now = status_text.of_delivery(trace)
    appointment = appointments.of_delivery(delivery)
    found: DeliveryAnswer = {
        **_outline(delivery, phone.e164, phone.country, sid),  # type: ignore[typeddict-item]
        "metadata": delivery.metadata_ or {},
        "meaning": {"title": now.title, "cause": now.cause, "nextStep": now.next_step},
        "error": _error(timeline.trouble_of(newest)) if newest and not arrived else None,
        "attempts": [
            {
                "attempt": attempt.number,
                "channel": attempt.channel,
                "sid": attempt.sid,
                "status": attempt.state,
                "segments": attempt.segments,
                "startedAt": attempt.started_at.isoformat(),
                "error": _error(timeline.trouble_of(attempt)),
            }
            for attempt in trace.attempts
        ],
        "timeline": [
            {
                "at": step.at.isoformat(),
                "status": step.status,
                "source": step.source,
                "attempt": step.attempt,
                "code": step.error_code,
                "reason": step.reason,
                "sid": step.sid,
                "consent": step.consent.seq if step.consent else None,
                "ignored": step.ignored,
                "text": timeline_text.of_step(step),
            }
            for step in trace.steps
        ],
    }
    if appointment:
        found["appointment"] = _appointment(appointment)
    return found


def _appointment(stands: Appointment) -> AppointmentAnswer:
    return {
        "startsAt": stands.starts_at.isoformat() if stands.starts_at else None,
        "timeZone": stands.time_zone,
        "place": stands.place,
        "isCanceled": stands.is_canceled,
        "confirmedAt": stands.confirmed_at.isoformat() if stands.confirmed_at else None,
    }


def _outline(delivery: Any, e164: str | None, country: str, sid: str | None) -> Outline:
    """Return what is told of a delivery wherever it is told of."""
    outline: Outline = {
        "deliveryId": str(delivery.id),
        "kind": delivery.kind,
        "channel": delivery.channel,
        "eventId": delivery.event_id,
        "subject": delivery.subject,
        "status": delivery.state,
        "reason": delivery.reason,
        "sid": sid,
        "phone": mask(e164) if e164 else None,
        "country": country,
        "createdAt": delivery.created_at.isoformat(),
        "dueAt": delivery.due_at and delivery.due_at.isoformat(),
    }
    # And under the name of what it is: orderId.
    return cast(Outline, outline | {subject_field(about(delivery.kind)): delivery.subject})


def _error(trouble: ErrorMeaning | None) -> Trouble | None:
    if trouble is None:
        return None
    return {
        "code": trouble.code,
        "class": trouble.error_class,
        "cause": trouble.cause,
        "nextStep": trouble.next_step,
        "docs": trouble.docs_url,
    }
