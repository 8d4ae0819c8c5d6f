"""The page of WhatsApp templates: making them, and deciding about them as WhatsApp would."""

import re
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.phone.page import harden
from smsapp.sandbox.whatsapp import templates
from smsapp.sandbox.whatsapp.content import STATUSES
from smsapp.sandbox.whatsapp.templates import BadTemplate

# What an operator makes of a template, by the status it gets.
DECISIONS = {"approved": "Approve", "rejected": "Reject", "paused": "Pause", "disabled": "Disable"}
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_]+")
FIELDS = ("friendly_name", "language", "body", "buttons")

bp = Blueprint("templates", __name__, url_prefix="/templates")
bp.before_request(guards.only_our_pages)
bp.after_request(harden)


@bp.get("")
def home() -> ResponseReturnValue:
    """Show every template."""
    return _page()


@bp.post("")
def create() -> ResponseReturnValue:
    """Make a template and ask WhatsApp to approve it, by its name as WhatsApp writes names."""
    given = {name: request.form.get(name, "") for name in FIELDS}
    try:
        types = templates.types_of(
            given["body"].replace("\r\n", "\n").strip(), _buttons(given["buttons"])
        )
        made = templates.add(this_desk(), given["friendly_name"], given["language"], types)
    except BadTemplate as error:
        return _page(new=given, new_fault=str(error)), 400
    name = _NOT_IN_NAMES.sub("_", made.friendly_name.lower())
    templates.submit(this_desk(), made, name, "UTILITY")
    return redirect(url_for(".home", _anchor=made.sid), 303)


@bp.post("/<sid>/status")
def decide(sid: str) -> ResponseReturnValue:
    """Decide about a template."""
    status = request.form.get("status", "")
    if status not in STATUSES or templates.find(this_desk(), sid) is None:
        abort(404)
    templates.decide(this_desk(), sid, status)
    return redirect(url_for(".home", _anchor=sid), 303)


@bp.post("/<sid>/delete")
def delete(sid: str) -> ResponseReturnValue:
    """Delete a template."""
    templates.remove(this_desk(), sid)
    return redirect(url_for(".home"), 303)


def _page(**refused: Any) -> str:
    """Return the page; `refused` is what was typed into its form, and its fault."""
    return render_template(
        "sandbox/templates.html",
        contents=templates.listed(this_desk())[::-1],
        faults=templates.faults,
        decisions=DECISIONS,
        **{"new": {}, **refused},
    )


def _buttons(text: str) -> list[tuple[str, str]]:
    """Return titles and ids of buttons, a line each: "Confirm" or "Confirm = appt:confirm"."""
    lines = [line.partition("=") for line in text.splitlines() if line.strip()]
    return [(title.strip(), id_.strip() or title.strip().lower()) for title, _, id_ in lines]
