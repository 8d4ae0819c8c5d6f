"""What a signed-in customer sees and changes: each purpose, all of it, what we know, erasure."""

import json

from flask import Blueprint, Response, flash, g, make_response, render_template, request
from flask.typing import ResponseReturnValue

from smsapp.delivery import stopping
from smsapp.errors import InvalidRequest, NotFound
from smsapp.extensions import settings
from smsapp.models import OptOutSource
from smsapp.phone import mask
from smsapp.recipients import customers, known_data, mail_consent
from smsapp.recipients.mail_consent import MailPreference
from smsapp.recipients.opt_out import LIFTED_BY_PAGE
from smsapp.recipients.purposes import PURPOSES, purpose
from smsapp.retention import erasure
from smsapp.web import guards
from smsapp.web.language import current, gettext
from smsapp.web.pages import sessions
from smsapp.web.pages.sign_up import keep_nothing, see

bp = Blueprint("preferences", __name__)
bp.after_request(keep_nothing)


@bp.get("/preferences")
@sessions.signed_in
def show() -> ResponseReturnValue:
    """Show what is agreed, since when and in which words."""
    return page()


def page(mail_fault: str = "", typed: str = "", code_fault: str = "") -> Response:
    """Return that page; with what was typed as an e-mail address and is wrong with it.

    Or with what is wrong with the code that went to the address.
    """
    found = customers.preferences(g.visitor.phone_key, current())
    if found is None:  # erased since the guard looked
        return make_response(see("pages.start"))
    texts_arrive = sessions.texts_arrive()
    shown = render_template(
        "preferences/preferences.html",
        # Nobody is asked to agree to texts that never arrive.
        preferences=[p for p in found.preferences if p.granted or texts_arrive],
        texts_arrive=texts_arrive,
        masked=mask(found.e164),
        opted_out=found.opted_out,
        lifted_here=LIFTED_BY_PAGE,
        shop_number=settings().twilio_from_number,
        mail=_mail(),
        mail_fault=mail_fault,
        typed=typed,
        by_code=settings().confirms_mail_by_code,
        code_fault=code_fault,
    )
    return make_response(shown)


def _mail() -> MailPreference | None:
    """Return how e-mail stands with the customer; None where no mails are sent."""
    has_mail = settings().mail_server is not None
    return mail_consent.preference(g.visitor.phone_key, current()) if has_mail else None


@bp.post("/preferences/purposes/<name>")
@sessions.signed_in
def switch(name: str) -> ResponseReturnValue:
    """Agree to one purpose, or take that back."""
    if name not in PURPOSES:
        raise NotFound
    found = purpose(name, current())
    title = current().in_sentence(found.title)
    match request.form.get("agree"):
        case "yes" if not found.shown:
            raise NotFound
        case "yes":
            customers.agree(g.visitor, [name])
            flash(gettext("You have agreed to %(purpose)s.", purpose=title))
        case "no":
            customers.withdraw(g.visitor, [name])
            flash(gettext("You get no more %(purpose)s by text.", purpose=title))
        case _:
            raise InvalidRequest
    return see("preferences.show")


@bp.post("/preferences/stop")
@sessions.signed_in
def stop_everything() -> ResponseReturnValue:
    """Stop all texts, and take back each consent, so that one new grant brings back no other."""
    customers.withdraw(g.visitor, PURPOSES)
    mail_consent.take_away(g.visitor, unasked=False)
    stopping.stop(g.visitor.phone_key, OptOutSource.PAGE)
    flash(gettext("All texts are stopped. We text you no more, about anything."))
    return see("preferences.show")


@bp.get("/preferences/data")
@sessions.signed_in
def data() -> ResponseReturnValue:
    """Return all that is known about the customer, as a file."""
    known = known_data.about(g.visitor.phone_key)
    return (
        json.dumps(known, indent=2, ensure_ascii=False),
        {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Disposition": 'attachment; filename="what-we-know-about-you.json"',
        },
    )


@bp.get("/preferences/erase")
@sessions.signed_in
def confirm_erasing() -> ResponseReturnValue:
    """Say what erasing means, and ask once more."""
    return render_template(
        "preferences/erase.html",
        masked=mask(g.e164),
        at_twilio=not settings().blank_bodies_at_twilio,
        has_mail=settings().mail_server is not None,
    )


@bp.post("/preferences/erase")
@sessions.signed_in
def erase() -> ResponseReturnValue:
    """Erase the customer."""
    erasure.erase(g.visitor)
    sessions.sign_out()
    return see("preferences.erased")


@bp.get("/erased")
@guards.public
def erased() -> ResponseReturnValue:
    """Say that it is done."""
    return render_template("preferences/erased.html")


@bp.post("/sign-out")
@sessions.signed_in
def sign_out() -> ResponseReturnValue:
    """End the customer's sessions, in other browsers too."""
    customers.end_sessions(g.visitor.phone_key)
    sessions.sign_out()
    flash(gettext("You are signed out."))
    return see("pages.start")
