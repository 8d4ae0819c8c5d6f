"""Numbers by their key, the inbox and the audit trail in the console."""

from datetime import UTC, datetime

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp import audit
from smsapp.delivery import about_number, acts, listing
from smsapp.delivery.about_number import AboutNumber, Cursors
from smsapp.delivery.acts import NotDone
from smsapp.errors import NotFound
from smsapp.extensions import reading
from smsapp.phone import mask
from smsapp.web import console_shell as shell

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


@bp.get("/inbox")
@shell.looks
def inbox() -> ResponseReturnValue:
    """List the texts that people sent us."""
    with reading() as conn:
        page = listing.inbox(conn, _text_argument("before"))
    return render_template("console/inbox.html", page=page, mask=mask)


@bp.get("/audit")
@shell.acts
def audit_trail() -> ResponseReturnValue:
    """List what was done in the console."""
    before = request.args.get("before", type=_row_number)
    with reading() as conn:
        rows = audit.newest(conn, before, listing.PER_PAGE + 1)
    page = listing.Page(rows[: listing.PER_PAGE], len(rows) > listing.PER_PAGE)
    return render_template("console/audit.html", page=page)


def _about(phone_key: str) -> AboutNumber:
    if "\0" in phone_key:  # PostgreSQL cannot even be asked for it
        raise NotFound("There is no such number.")
    cursors = Cursors(
        shell.uuid_argument("sent"), _text_argument("got"), _time(request.args.get("codes", ""))
    )
    about = about_number.about(phone_key, cursors)
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


def _text_argument(name: str) -> tuple[datetime, str] | None:
    """Return after which text a list goes on: "2026-11-21T09:00:00+00:00 SM…"."""
    at, _, sid = request.args.get(name, "").partition(" ")
    found = _time(at)
    return (found, sid) if found and sid.isalnum() else None


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _row_number(text: str) -> int:
    """Return a number that a row can have.

    Raises:
        ValueError: It is none.
    """
    number = int(text)
    if not 0 < number < 2**31:
        raise ValueError
    return number
