"""Events: what internal services tell us happened."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from flask import Blueprint, g
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from smsapp import clock, metrics
from smsapp.api_keys import Scope
from smsapp.delivery import channels
from smsapp.delivery.new_deliveries import Accepted
from smsapp.delivery.states import ON_ITS_WAY
from smsapp.errors import EventIdReused, InvalidRequest, NotFound
from smsapp.events import accepting
from smsapp.events.accepting import Outcome
from smsapp.events.dry_run import DryRun, dry_run
from smsapp.events.fields import Event
from smsapp.events.kind import Kind
from smsapp.events.kinds import KINDS
from smsapp.events.order_shipped import ORDER_SHIPPED, OrderShippedSms
from smsapp.extensions import csrf
from smsapp.models import DeliveryState, Reason
from smsapp.phone import country, mask
from smsapp.providers.twilio_errors import ErrorClass, meaning
from smsapp.recipients.refusals import REFUSALS
from smsapp.trace.status_text import CANCELED
from smsapp.web import guards
from smsapp.web.api.answers import Accepted as AcceptedAnswer
from smsapp.web.api.answers import Duplicate, NotDelivered, Refused, WouldSend
from smsapp.web.api.parsing import Preferences, details, parse, parse_query, prefers, true_or_false
from smsapp.web.operations import Error, Operation, told

# What is due within it waits for a sender and not for its time.
SOON = timedelta(minutes=1)

bp = Blueprint("api", __name__, url_prefix="/api")
csrf.exempt(bp)  # a key in a header is nothing that a foreign page could make a browser send


class Asked(BaseModel):
    """The parameters of an event. A slip is told: nobody should be texted for one."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    dry_run: Annotated[
        bool,
        Field(
            alias="dryRun",
            description="With true nothing is written or sent: the answer, 200, says what would "
            "become of the event.",
        ),
        BeforeValidator(true_or_false),
    ] = False


@dataclass(frozen=True)
class _Failed:
    """What an event may be answered besides SmsappErrors."""

    code: str
    message: str
    status: int
    answer: type


DELIVERY_FAILED = "sms_delivery_failed"
_ERRORS: tuple[Error, ...] = (
    *(_Failed(reason, refusal.message, 409, Refused) for reason, refusal in REFUSALS.items()),
    EventIdReused,
    _Failed(DELIVERY_FAILED, "This is not a phone number.", 502, NotDelivered),
)


def _operation(body: type[Event]) -> Operation:
    answers: dict[int, tuple[Any, ...]] = {
        200: (Duplicate, WouldSend),
        202: (AcceptedAnswer, Duplicate),
    }
    return Operation(answers, _ERRORS, body, Asked, Preferences, has_location=True)


@bp.post("/order-shipped-sms")
@guards.api_key(Scope.SEND, tests=True)
@told(_operation(OrderShippedSms))
def order_shipped_sms() -> ResponseReturnValue:
    """Accept one shipment event and text the customer about it.

    The same as /api/events/order_shipped, but that consentAt must be given.
    """
    return _accept(ORDER_SHIPPED, OrderShippedSms)


@bp.post("/events/<name>")
@guards.api_key(Scope.SEND, tests=True)
@told(_operation(Event))
def event(name: str) -> ResponseReturnValue:
    """Accept one event of a kind and write to the customer about it."""
    if name not in KINDS:
        raise NotFound("There is no such kind of event.", extra={"kinds": list(KINDS)})
    return _accept(KINDS[name], KINDS[name].body)


def _accept(kind: Kind, body: type[Event]) -> ResponseReturnValue:
    """Accept one event, send its message unless that is left to a worker, and answer."""
    event, caller = parse(body), g.caller
    _refuse_what_is_not_set_up(event)
    if parse_query(Asked).dry_run:
        return _told(dry_run(kind, event, caller.id, is_test=caller.is_test), event.phone), 200
    respond_async = prefers("respond-async")
    # Before anything can fail; and the writer, which all wait for, finds the country known.
    g.log_fields = fields = {
        "kind": kind.name,
        "event_id": event.event_id,
        "to": mask(event.phone),
        "country": country(event.phone),
        "api_key": caller.name,
    }
    outcome = accepting.accept(
        kind, event, caller.id, respond_async=respond_async, is_test=caller.is_test
    )
    answer, status = _answer(kind, outcome)
    answer |= outcome.accepted.answer
    delivery_id = answer["deliveryId"]
    headers = {}
    if status == 202 or "duplicate" in answer:
        headers["Location"] = f"{bp.url_prefix}/deliveries/{delivery_id}"
    if respond_async:
        headers["Preference-Applied"] = "respond-async"
    word = answer.get("error") or (
        "duplicate" if outcome.accepted.is_duplicate else answer["status"]
    )
    if not caller.is_test:
        metrics.count(metrics.EVENTS, kind.name, word)
    fields |= {"delivery": delivery_id, "answer": word}
    return answer, status, headers


def _refuse_what_is_not_set_up(event: Event) -> None:
    """Refuse an event that asks for channels which the settings say nothing of."""
    if event.channels is None:
        return
    ours = channels.configured()
    if missing := [f"{one} is not set up" for one in event.channels if one not in ours]:
        raise InvalidRequest(extra=details({"channels": missing}))


def _told(would: DryRun, phone: str) -> dict[str, Any]:
    accepted = would.accepted
    return {
        "wouldSend": accepted.state is DeliveryState.PENDING and not accepted.is_duplicate,
        "why": _why(would, phone),
        "body": would.body,
        "segments": would.size.segments,
        "encoding": would.size.encoding,
        "channel": would.channel,
        "sendAt": would.due_at and would.due_at.isoformat(),
        "warnings": would.warnings,
        **accepted.answer,
    }


def _why(would: DryRun, phone: str) -> dict[str, str]:
    """Return why an event's message would be sent, or would not, as a word and in words."""
    accepted = would.accepted
    if not accepted.same_content:
        return {"code": EventIdReused.code, "message": EventIdReused.message}
    if accepted.is_duplicate:
        said = f"This event came before; its message is {accepted.state}."
        return {"code": "duplicate", "message": said}
    if accepted.reason in REFUSALS:
        return {"code": accepted.reason, "message": REFUSALS[accepted.reason].message}
    if accepted.state is DeliveryState.CANCELED and accepted.reason:
        return {"code": accepted.reason, "message": CANCELED[accepted.reason]}
    if would.sender_state.is_paused:
        return {"code": "paused", "message": "It waits until an operator lets messages go on."}
    if would.sender_state.is_held:
        return {"code": "held", "message": meaning(would.sender_state.held_code).cause}
    if hold := would.sender_state.hold_of(phone):
        return {"code": "held", "message": meaning(hold.code).cause}
    if _planned(accepted):
        return {"code": "planned", "message": "It leaves at sendAt, and not before."}
    return {"code": "now", "message": "It would leave now."}


def _answer(kind: Kind, outcome: Outcome) -> tuple[dict[str, Any], int]:
    """Return body and status for an event.

    Raises:
        EventIdReused: The event id came before with different content.
    """
    accepted, settlement = outcome.accepted, outcome.settlement
    if not accepted.same_content:
        raise EventIdReused(
            _reused(kind, accepted), extra={"deliveryId": str(accepted.delivery_id)}
        )
    duplicate = {"duplicate": True} if accepted.is_duplicate else {}
    word = duplicate or {"accepted": True}
    delivery_id = {"deliveryId": str(accepted.delivery_id)}
    if settlement and settlement.sid:
        # Its receipts may have gone further by now; what this request did was to send it.
        return word | {"sid": settlement.sid} | delivery_id | {"status": DeliveryState.SENT}, 202
    now = settlement or accepted
    if now.state in ON_ITS_WAY:
        return word | delivery_id | {"status": DeliveryState.PENDING} | _planned(accepted), 202
    if refusal := _refusal(now.state, now.reason, now.error_code):
        why = {"error": refusal, "message": REFUSALS[refusal].message}
        return why | duplicate | delivery_id, 409
    if now.state is DeliveryState.FAILED:
        trouble = meaning(now.error_code)
        body: dict[str, Any] = {
            "error": DELIVERY_FAILED,
            "message": trouble.cause,
            "nextStep": trouble.next_step,
            "code": now.error_code,
        }
        return body | duplicate | delivery_id, 502
    sid = {"sid": accepted.sid} if accepted.sid else {}
    return word | delivery_id | sid | {"status": now.state}, 200 if duplicate else 202


def _planned(accepted: Accepted) -> dict[str, str]:
    """Return when a message that waits is to leave; nothing where that is now."""
    planned = accepted.due_at and accepted.due_at > clock.now() + SOON
    return {"sendAt": accepted.due_at.isoformat()} if planned and accepted.due_at else {}


def _reused(kind: Kind, before: Accepted) -> str:
    *fields, last = ["phone", *kind.own_fields()]
    if before.is_test and not g.caller.is_test:
        return (
            "This event id came before, with a test key. Nothing was sent for this request; an "
            "event id is unique per kind over all keys, so use a new one."
        )
    return (
        f"This event id came before with a different {', '.join(fields)} or {last}. "
        "Nothing was sent for this request; use a new event id for a new event."
    )


def _refusal(state: DeliveryState, reason: Reason | None, code: int | None) -> Reason | None:
    """Return why a delivery was not sent on purpose; an opt-out may come with a receipt too."""
    if state is DeliveryState.SUPPRESSED:
        return reason
    if state is DeliveryState.FAILED and meaning(code).error_class is ErrorClass.OPT_OUT:
        return Reason.OPTED_OUT
    return None
