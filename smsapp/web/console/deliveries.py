"""A delivery's page in the console, and what an operator does to it."""

import uuid

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from smsapp.errors import NotFound
from smsapp.events import appointments, kinds
from smsapp.extensions import reading, settings
from smsapp.models import Channel
from smsapp.phone import mask
from smsapp.trace import acts, listing, status_text, story, timeline
from smsapp.trace.acts import NotDone
from smsapp.trace.timeline import Trace
from smsapp.watch import related_alarms
from smsapp.watch.alarms import OpenAlarm
from smsapp.web.console import numbers, shell

bp = shell.blueprint("console_deliveries")


@bp.get("/deliveries/<uuid:delivery_id>")
@shell.looks
def show(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Show what became of a delivery, why, and what to do."""
    return _page(delivery_id)


@bp.get("/deliveries/<uuid:delivery_id>/subject")
@shell.looks
def subject(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Tell all about what a delivery is about: the address says no more than the delivery."""
    before, kind = request.args.get("before", type=uuid.UUID), shell.kind_argument(request.args)
    superseded_by = {name: kinds.may_supersede(name) for name in kinds.ALL}
    with reading(snapshot=True) as conn:
        found = listing.of_ids(conn, [delivery_id])
        if not found:
            raise NotFound("There is no such delivery.")
        told = story.of_subject(conn, found[0].subject, superseded_by, before, kind)
    return render_template(
        "console/subject.html",
        delivery=found[0],
        story=told,
        chosen=kind,
        kind_titles=kinds.titles(kinds.about(found[0].kind)),
        appointment=appointments.of_delivery(found[0]),
    )


@bp.post("/deliveries/<uuid:delivery_id>/show-number")
@shell.looks
def show_number(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Show the whole number, once the reason is written to the audit trail."""
    key = _trace(delivery_id).delivery.phone_key
    return _page(delivery_id, numbers.whole_number(key, delivery_id))


@bp.post("/deliveries/<uuid:delivery_id>/send-again")
@shell.acts
def send_again(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Send a delivery again."""
    kind = kinds.ALL.get(_trace(delivery_id).delivery.kind)
    if kind is None:  # of a newer release that was taken back
        raise NotDone("It cannot be sent again: this version knows no such messages.")
    acts.send_again(
        delivery_id,
        g.operator.id,
        request.form.get("seen", ""),
        kind.max_age(settings()),
        twice_accepted=request.form.get("twice") == "yes",
    )
    return shell.done("It is waiting to be sent again.")


@bp.post("/deliveries/<uuid:delivery_id>/cancel")
@shell.acts
def cancel(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Cancel a delivery that waits."""
    acts.cancel(delivery_id, g.operator.id)
    return shell.done("It is canceled.")


@bp.post("/deliveries/<uuid:delivery_id>/opt-out")
@shell.acts
def opt_out(delivery_id: uuid.UUID) -> ResponseReturnValue:
    """Stop all texts to the delivery's number."""
    acts.opt_out(_trace(delivery_id).delivery.phone_key, g.operator.id, delivery_id)
    return shell.done("All texts to the number are stopped.")


def _trace(delivery_id: uuid.UUID) -> timeline.Trace:
    trace = timeline.of_delivery(delivery_id)
    if trace is None:
        raise NotFound("There is no such delivery.")
    return trace


def _alarms(trace: Trace) -> list[OpenAlarm]:
    """Return the alarms that may be about it too; of a test none."""
    if trace.delivery.channel is Channel.TEST:
        return []
    return related_alarms.of_text(trace.delivery.state, trace.phone.country)


def _page(delivery_id: uuid.UUID, e164: str | None = None) -> str:
    trace = _trace(delivery_id)
    states = [attempt.state for attempt in trace.attempts]
    return render_template(
        "console/delivery.html",
        trace=trace,
        delivery=trace.delivery,
        phone=trace.phone,
        masked=trace.phone.e164 and mask(trace.phone.e164),
        e164=e164,
        now=status_text.of_delivery(trace),
        alarms=_alarms(trace),
        again=acts.again(trace.delivery, trace.phone, states),
    )
