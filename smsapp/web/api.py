"""What internal services use: JSON in and out, by API key."""

import json
import logging
import uuid
from typing import Any, TypeVar

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ValidationError
from werkzeug.http import parse_list_header

from smsapp import metrics
from smsapp.api_keys import Scope
from smsapp.delivery import explaining, narrating, timeline
from smsapp.delivery.outbox import Accepted
from smsapp.delivery.states import ON_ITS_WAY
from smsapp.delivery.timeline import Trace
from smsapp.errors import EventIdReused, InvalidRequest, NotFound, UnsupportedMediaType
from smsapp.events import shipments
from smsapp.events.shipments import OrderShipped, Outcome
from smsapp.extensions import csrf
from smsapp.models import DeliveryState, Reason
from smsapp.phone import country, mask
from smsapp.providers.twilio_errors import ErrorClass, ErrorMeaning, meaning
from smsapp.web import guards

bp = Blueprint("api", __name__, url_prefix="/api")
csrf.exempt(bp)  # a key in a header is nothing that a foreign page could make a browser send
log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=BaseModel)

_REFUSALS = {
    Reason.OPTED_OUT: "This number has opted out of texts. Only its owner can change that.",
    Reason.CONSENT_WITHDRAWN: "The owner of this number has withdrawn consent for these texts.",
    Reason.NOT_ALLOWED: "This number is not in ALLOWED_RECIPIENTS, the list of this installation.",
}


@bp.post("/order-shipped-sms")
@guards.api_key(Scope.SEND)
def order_shipped() -> ResponseReturnValue:
    """Accept one shipment event and text the customer about it."""
    event, caller = parse(OrderShipped), g.caller
    respond_async = prefers("respond-async")
    # Before anything can fail; and the writer, which all wait for, finds the country known.
    g.told = told = {
        "kind": shipments.KIND,
        "event_id": event.event_id,
        "to": mask(event.phone),
        "country": country(event.phone),
        "api_key": caller.name,
    }
    outcome = shipments.accept(event, caller.id, respond_async=respond_async)
    body, status = answer(outcome)
    delivery_id = body["deliveryId"]
    headers = {}
    if status == 202:
        headers["Location"] = f"{bp.url_prefix}/deliveries/{delivery_id}"
    if respond_async:
        headers["Preference-Applied"] = "respond-async"
    word = body.get("error") or ("duplicate" if outcome.accepted.is_duplicate else body["status"])
    metrics.count(metrics.EVENTS, shipments.KIND, word)
    told |= {"delivery": delivery_id, "answer": word}
    return body, status, headers


@bp.get("/deliveries/<uuid:delivery_id>")
@guards.api_key(Scope.READ)
def delivery(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Tell what became of a delivery."""
    return described(timeline.of_delivery(delivery_id))


@bp.get("/deliveries")
@guards.api_key(Scope.READ)
def delivery_of_event() -> ResponseReturnValue:
    """Tell what became of an event."""
    event_id = request.args.get("eventId")
    if not event_id:
        raise InvalidRequest(extra=_details({"eventId": ["Give the event id: ?eventId=…"]}))
    # PostgreSQL cannot even be asked for a NUL.
    return described(None if "\0" in event_id else timeline.of_event(shipments.KIND, event_id))


@bp.get("/messages/<sid>")
@guards.api_key(Scope.READ)
def message(sid: str) -> ResponseReturnValue:
    """Tell what became of the delivery that a Message SID belongs to."""
    return described(None if "\0" in sid else timeline.of_message(sid))


def answer(outcome: Outcome) -> tuple[dict[str, Any], int]:
    """Return body and status for an event.

    Raises:
        EventIdReused: The event id came before with different content.
    """
    accepted, settled = outcome.accepted, outcome.settled
    if not accepted.same_content:
        raise EventIdReused(extra={"deliveryId": str(accepted.delivery_id)})
    kind = {"duplicate": True} if accepted.is_duplicate else {"accepted": True}
    delivery_id = {"deliveryId": str(accepted.delivery_id)}
    if settled and settled.sid:
        # Its receipts may have gone further by now; what this request did was to send it.
        return kind | {"sid": settled.sid} | delivery_id | {"status": DeliveryState.SENT}, 202
    now = settled or accepted
    if now.state in ON_ITS_WAY:
        return kind | delivery_id | {"status": DeliveryState.PENDING}, 202
    if refusal := _refusal(now.state, now.reason, now.error_code):
        why = {"error": refusal, "message": _REFUSALS[refusal]}
        return why | _duplicate(accepted) | delivery_id, 409
    if now.state is DeliveryState.FAILED:
        trouble = meaning(now.error_code)
        body: dict[str, Any] = {
            "error": "sms_delivery_failed",
            "message": trouble.cause,
            "nextStep": trouble.next_step,
            "code": now.error_code,
        }
        return body | _duplicate(accepted) | delivery_id, 502
    sid = {"sid": accepted.sid} if accepted.sid else {}
    return kind | delivery_id | sid | {"status": now.state}, 200


def _refusal(state: DeliveryState, reason: Reason | None, code: int | None) -> Reason | None:
    """Return why a delivery was not sent on purpose; an opt-out may come with a receipt too."""
    if state is DeliveryState.SUPPRESSED:
        return reason
    if state is DeliveryState.FAILED and meaning(code).error_class is ErrorClass.OPT_OUT:
        return Reason.OPTED_OUT
    return None


def _duplicate(accepted: Accepted) -> dict[str, Any]:
    return {"duplicate": True} if accepted.is_duplicate else {}


def prefers(preference: str) -> bool:
    """Whether the caller asked for it in a Prefer header (RFC 7240)."""
    asked = parse_list_header(request.headers.get("Prefer", ""))
    return preference in {part.partition(";")[0].strip().lower() for part in asked}


def parse(model: type[Model]) -> Model:
    """Return the request's JSON body as a `model`.

    Raises:
        UnsupportedMediaType: It is not sent as JSON.
        InvalidRequest: With all faults by field.
    """
    if not request.is_json:
        raise UnsupportedMediaType
    body = request.get_data()
    if request.content_length is None:
        # A chunked body does not say its size and is cut at the limit in silence; to read on
        # where it was cut raises a 413.
        request.stream.read(1)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidRequest(extra=_faults(_by_field(model, error))) from None


def _by_field(model: type[BaseModel], error: ValidationError) -> ValidationError:
    """Return the faults field by field where the JSON as a whole could not be read.

    Python's reader takes what pydantic's does not, such as half a surrogate pair, and so the
    field that holds it can be named.
    """
    if error.errors()[0]["type"] != "json_invalid":
        return error
    try:
        model.model_validate(json.loads(request.get_data().decode()))
    except ValidationError as by_field:
        return by_field
    except (ValueError, RecursionError):
        pass
    return error


def _faults(error: ValidationError) -> dict[str, Any]:
    form: list[str] = []
    fields: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        text = fault["msg"].removeprefix("Value error, ")
        if fault["loc"]:
            fields.setdefault(str(fault["loc"][0]), []).append(text)
        else:
            form.append("Send a JSON object." if fault["type"] == "model_type" else text)
    return _details(fields, form)


def _details(fields: dict[str, list[str]], form: list[str] | None = None) -> dict[str, Any]:
    return {"details": {"formErrors": form or [], "fieldErrors": fields}}


def described(trace: Trace | None) -> dict[str, Any]:
    """Return a delivery with its attempts and its timeline as JSON.

    Raises:
        NotFound: There is no such delivery.
    """
    if trace is None:
        raise NotFound("There is no such delivery.")
    delivery, phone = trace.delivery, trace.phone
    newest = trace.attempts[-1] if trace.attempts else None
    arrived = delivery.state in {DeliveryState.DELIVERED, DeliveryState.READ}
    sid = next((a.sid for a in reversed(trace.attempts) if a.sid), None)
    now = explaining.of_delivery(trace)
    return {
        "deliveryId": str(delivery.id),
        "kind": delivery.kind,
        "eventId": delivery.event_id,
        "orderId": delivery.order_id,
        "status": delivery.state,
        "reason": delivery.reason,
        "meaning": {"title": now.title, "cause": now.cause, "nextStep": now.next_step},
        "sid": sid,
        "phone": mask(phone.e164) if phone.e164 else None,
        "country": phone.country,
        "createdAt": delivery.created_at.isoformat(),
        "dueAt": delivery.due_at and delivery.due_at.isoformat(),
        "error": _error(timeline.trouble_of(newest)) if newest and not arrived else None,
        "attempts": [
            {
                "attempt": attempt.number,
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
                "text": narrating.of_step(step),
            }
            for step in trace.steps
        ],
    }


def _error(trouble: ErrorMeaning | None) -> dict[str, Any] | None:
    if trouble is None:
        return None
    return {
        "code": trouble.code,
        "class": trouble.error_class,
        "cause": trouble.cause,
        "nextStep": trouble.next_step,
        "docs": trouble.docs_url,
    }
