"""Where the link in a page leads: a button that says “I have it”.

Whoever opens it has no session: the signed token is what lets them in. A GET changes nothing, for
phones and their makers open every link in a text to show what is behind it.
"""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from smsapp.extensions import csrf, settings
from smsapp.oncall import acknowledging, links
from smsapp.oncall.acknowledging import Told
from smsapp.web import guards
from smsapp.web.pages.sign_up import keep_nothing

bp = Blueprint("incident_links", __name__)
csrf.exempt(bp)
bp.after_request(keep_nothing)


@bp.get(f"{links.PATH}/<token>")
@guards.public
def show(token: str) -> ResponseReturnValue:
    """Show an incident and the button."""
    return _page(acknowledging.of_link(token))


@bp.post(f"{links.PATH}/<token>")
@guards.public
def take(token: str) -> ResponseReturnValue:
    """Let whoever got the link have the incident, or all that are open to them."""
    everything = request.form.get("all") == "yes"
    return _page(acknowledging.by_link(token, everything=everything))


def _page(told: Told | None) -> ResponseReturnValue:
    zone = settings().oncall_policy.zone
    page = render_template("incidents/incident.html", told=told, zone=zone)
    return page, 200 if told else 404
