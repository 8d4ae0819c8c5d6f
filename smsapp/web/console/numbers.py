"""Numbers by their key in the console."""

import uuid

from flask import g, render_template, request
from flask.typing import ResponseReturnValue

from smsapp.errors import NotFound
from smsapp.phone import mask
from smsapp.trace import acts, phone_history
from smsapp.trace.phone_history import AboutNumber
from smsapp.web.console import shell

bp = shell.blueprint("console_numbers")


@bp.get("/numbers/<phone_key>")
@shell.looks
def show(phone_key: str) -> ResponseReturnValue:
    """Show what a number agreed to, and what went to it and came from it."""
    return _page(_about(phone_key))


@bp.post("/numbers/<phone_key>/show-number")
@shell.looks
def show_number(phone_key: str) -> ResponseReturnValue:
    """Show the whole number, once the reason is written to the audit trail."""
    about, why = _about(phone_key), request.form.get("why", "")
    return _page(about, acts.show_number(phone_key, g.operator.id, why))


@bp.post("/numbers/<phone_key>/opt-out")
@shell.acts
def opt_out(phone_key: str) -> ResponseReturnValue:
    """Stop all texts to a number."""
    _about(phone_key)
    acts.opt_out(phone_key, g.operator.id)
    return shell.done("All texts to the number are stopped.")


def _about(phone_key: str) -> AboutNumber:
    if "\0" in phone_key:  # PostgreSQL cannot even be asked for it
        raise NotFound("There is no such number.")
    about = phone_history.about(
        phone_key,
        request.args.get("sent", type=uuid.UUID),
        shell.text_argument("got"),
        shell.time_argument(request.args.get("codes", "")),
    )
    if about is None:
        raise NotFound("There is no such number.")
    return about


def _page(about: AboutNumber, e164: str | None = None) -> str:
    return render_template(
        "console/number.html",
        about=about,
        phone=about.phone,
        masked=about.phone.e164 and mask(about.phone.e164),
        e164=e164,
    )
