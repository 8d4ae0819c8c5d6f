"""Incidents in the console: open and past, who was told when and how, and who took one."""

import uuid
from typing import Any

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from smsapp.errors import NotFound
from smsapp.extensions import reading
from smsapp.models import Door
from smsapp.oncall import acknowledging, incidents, listing
from smsapp.oncall.acknowledging import Taker
from smsapp.oncall.incidents import RESOLVED, Told
from smsapp.web.console import shell

bp = shell.blueprint("console_incidents")

DOORS = {
    Door.REPLY: "by a reply",
    Door.CALL: "by a key in a call",
    Door.LINK: "by the link in a page",
    Door.CONSOLE: "in the console",
    Door.API: "by a service",
}


@bp.get("/incidents")
@shell.looks
def list_all() -> ResponseReturnValue:
    """List the incidents, the open ones first."""
    with reading() as conn:
        still_open = listing.still_open(conn)
        past = listing.past(conn, request.args.get("before", type=uuid.UUID))
    return render_template("console/incidents.html", still_open=still_open, past=past, took=DOORS)


@bp.get("/incidents/<uuid:incident_id>")
@shell.looks
def show(incident_id: uuid.UUID) -> ResponseReturnValue:
    """Show one incident: who was told when and how, and who took it."""
    incident = _one(incident_id)
    with reading() as conn:
        pages, events = listing.pages(conn, incident_id), listing.events(conn, incident_id)
    return render_template(
        "console/incident.html", incident=incident, pages=pages, events=events, took=DOORS
    )


@bp.post("/incidents/<uuid:incident_id>/take")
@shell.acts
def take(incident_id: uuid.UUID) -> ResponseReturnValue:
    """Have an incident."""
    _one(incident_id)
    taken = acknowledging.by_name(incident_id, Taker(g.operator.name, Door.CONSOLE))
    return shell.done("You have it." if taken else "Somebody had it already, or it is over.")


@bp.post("/incidents/<uuid:incident_id>/end")
@shell.acts
def end(incident_id: uuid.UUID) -> ResponseReturnValue:
    """Say that an incident is over."""
    incident = _one(incident_id)
    noted = incidents.note(Told(RESOLVED, f"console-{incident_id}", incident.incident_key))
    if noted.incident_id != incident_id:
        return shell.done("It was over already.")
    return shell.done("It is over. Whoever was told of it hears so.")


def _one(incident_id: uuid.UUID) -> Any:
    found = incidents.one(incident_id)
    if found is None:
        raise NotFound("There is no such incident.")
    return found
