"""Numbers by their key in the console."""

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp.errors import NotFound
from smsapp.phone import mask
from smsapp.trace import acts, phone_history
from smsapp.trace.acts import NotDone
from smsapp.trace.phone_history import AboutNumber, Cursors
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
    about = _about(phone_key)
    try:
        e164 = acts.show_number(phone_key, g.operator.id, request.form.get("why", ""))
    except NotDone as error:
        flash(error.text, "fault")
        return _back(phone_key)
    return _page(about, e164)


@bp.post("/numbers/<phone_key>/opt-out")
@shell.acts
def opt_out(phone_key: str) -> ResponseReturnValue:
    """Stop all texts to a number."""
    _about(phone_key)
    acts.opt_out(phone_key, g.operator.id)
    flash("All texts to the number are stopped.")
    return _back(phone_key)


def _about(phone_key: str) -> AboutNumber:
    if "\0" in phone_key:  # PostgreSQL cannot even be asked for it
        raise NotFound("There is no such number.")
    cursors = Cursors(
        shell.uuid_argument("sent"),
        shell.text_argument("got"),
        shell.time_argument(request.args.get("codes", "")),
    )
    about = phone_history.about(phone_key, cursors)
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


def _back(phone_key: str) -> ResponseReturnValue:
    return redirect(url_for("console_numbers.show", phone_key=phone_key), 303)
