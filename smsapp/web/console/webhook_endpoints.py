"""Callers' webhook endpoints: how each does, and what it did not take."""

import logging
import uuid

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp.errors import NotFound
from smsapp.extensions import settings
from smsapp.trace.acts import NotDone
from smsapp.web.console import shell
from smsapp.webhooks import endpoints, urls
from smsapp.webhooks.endpoints import Endpoint
from smsapp.webhooks.ids import message_id, read_message_id
from smsapp.webhooks.types import TYPES

bp = shell.blueprint("console_webhooks")
log = logging.getLogger(__name__)

MAX_NAME = 40


@bp.get("/webhooks")
@shell.looks
def list_all() -> ResponseReturnValue:
    """List the endpoints."""
    return _list()


@bp.post("/webhooks")
@shell.acts
def create() -> ResponseReturnValue:
    """Make an endpoint and show its secret once."""
    name = request.form.get("name", "").strip()
    url = request.form.get("url", "").strip()
    types = [each for each in request.form.getlist("types") if each in TYPES]
    faults = {}
    if not (name.isprintable() and 1 <= len(name) <= MAX_NAME):
        faults["name"] = f"The name must be 1 to {MAX_NAME} printable characters"
    if fault := urls.fault(url, allow_private=settings().webhook_allow_private):
        faults["url"] = f"The address {fault}"
    if faults:
        return _list(faults), 400
    wants_bodies = "bodies" in request.form
    try:
        endpoint_id, secret = endpoints.create(name, url, types, wants_bodies=wants_bodies)
    except endpoints.NameTaken:
        return _list({"name": "There is an endpoint of this name; give another"}), 400
    _log("created", endpoint_id)
    return _page(_found(endpoint_id), secret)


@bp.get("/webhooks/<uuid:endpoint_id>")
@shell.looks
def show(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Show an endpoint and the newest that it did not take."""
    return _page(_found(endpoint_id))


@bp.post("/webhooks/<uuid:endpoint_id>/disable")
@shell.acts
def disable(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Tell an endpoint nothing more."""
    _found(endpoint_id)
    endpoints.disable(endpoint_id)
    _log("disabled", endpoint_id)
    return shell.done("It is told nothing more.")


@bp.post("/webhooks/<uuid:endpoint_id>/enable")
@shell.acts
def enable(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Tell an endpoint what waits and what happens from now on."""
    _found(endpoint_id)
    endpoints.enable(endpoint_id)
    _log("enabled", endpoint_id)
    return shell.done("It is told what waits for it, and what happens from now on.")


@bp.post("/webhooks/<uuid:endpoint_id>/rotate")
@shell.acts
def rotate(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Give an endpoint another secret, and show it once."""
    _found(endpoint_id)
    secret = endpoints.rotate(endpoint_id)
    _log("rotated", endpoint_id)
    return _page(_found(endpoint_id), secret)


@bp.post("/webhooks/<uuid:endpoint_id>/replay")
@shell.acts
def replay(endpoint_id: uuid.UUID) -> ResponseReturnValue:
    """Send once more one webhook, or all that an endpoint did not take since a time."""
    _found(endpoint_id)
    given = request.form.get("id", "")
    since = request.form.get("since", "").strip()
    wanted, at = read_message_id(given), shell.time_argument(f"{since}+00:00") if since else None
    if (given and wanted is None) or (since and at is None):
        raise NotDone("That is no time such as 2026-06-02T09:00. Nothing is sent again.")
    count = endpoints.replay(endpoint_id, message_id=wanted, since=at)
    _log("replayed", endpoint_id)
    flash(f"{count} are sent once more." if count != 1 else "One is sent once more.")
    return redirect(url_for(".show", endpoint_id=endpoint_id), 303)


def _found(endpoint_id: uuid.UUID) -> Endpoint:
    found = endpoints.find(endpoint_id)
    if found is None:
        raise NotFound("There is no such webhook endpoint.")
    return found


def _log(effect: str, endpoint_id: uuid.UUID) -> None:
    fields = {"endpoint": str(endpoint_id), "effect": effect, "operator": g.operator.name}
    log.info("webhook endpoint changed", extra=fields)


def _list(faults: dict[str, str] | None = None) -> str:
    return render_template(
        "console/webhooks.html",
        endpoints=endpoints.list_all(),
        types=TYPES.values(),
        faults=faults or {},
        given=request.form,
        longest=urls.LONGEST,
    )


def _page(endpoint: Endpoint, secret: str | None = None) -> str:
    return render_template(
        "console/webhook_endpoint.html",
        endpoint=endpoint,
        row=endpoint.row,
        secret=secret,
        dead=endpoints.last_dead(endpoint.row.id),
        message_id=message_id,
    )
