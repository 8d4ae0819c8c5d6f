"""E-mail on the customers' pages: give an address, confirm it, take it away, get no more.

Whoever opens a link out of a mail has no session here, and whoever posts what it leads to may be
their mail program: the signed token is what lets them in. A GET changes nothing, for programs that
look for viruses open every link.
"""

from flask import Blueprint, flash, g, render_template, request
from flask.typing import ResponseReturnValue

from smsapp import mail_address, typed
from smsapp.errors import InvalidRequest, NotFound, ProofRequired, RateLimited, SmsappError
from smsapp.extensions import RateLimitExceeded, csrf, limiter, seconds_until_let_in, settings
from smsapp.mail_address import InvalidAddress
from smsapp.providers.outcomes import Refused
from smsapp.recipients import mail_consent, mail_links
from smsapp.recipients.customers import Visitor
from smsapp.web import guards, language, wording
from smsapp.web.language import current, gettext
from smsapp.web.pages import preferences, proof, sessions
from smsapp.web.pages.sign_up import count_check, count_code, keep_nothing, see

bp = Blueprint("mail", __name__)
links = Blueprint("mail_links", __name__)
csrf.exempt(links)
for blueprint in (bp, links):
    blueprint.after_request(keep_nothing)

# Mails that ask for a confirmation, which anybody's address can be given for.
ASKED_PER_NUMBER = "5/hour"
ASKED_PER_ADDRESS = "3/day"


@bp.post("/preferences/email")
@sessions.signed_in
def give() -> ResponseReturnValue:
    """Mail a link or a code to the address that was given, or say what is wrong with it."""
    if settings().mail_server is None:
        raise NotFound
    given = request.form.get("email", "")[:300].strip()
    try:
        address = mail_address.parse(given)
    except InvalidAddress:
        fault = gettext(
            "Enter an e-mail address, such as %(example)s", example=mail_address.EXAMPLE
        )
        return preferences.page(fault, given), 400
    g.mark = mail_links.mark(address)
    try:
        _count_asking()
    except RateLimitExceeded:
        error = RateLimited(retry_after=seconds_until_let_in())
        return preferences.page(wording.too_often(error), given), error.status, error.headers
    if settings().confirms_mail_by_code:
        return _send_code(address, given)
    failure = mail_consent.give(g.visitor, address)
    if isinstance(failure, Refused) and failure.http_status >= 500:
        return preferences.page(gettext("No mail gets to this address. Check it"), given), 400
    if failure:
        fault = gettext("We cannot send mails just now. Try again %(wait)s", wait=wording.wait(60))
        return preferences.page(fault, given), 503, {"Retry-After": "60"}
    flash(
        gettext(
            "We have sent a mail to %(address)s. Open the link in it to confirm the address.",
            address=mail_address.mask(address),
        )
    )
    return see("preferences.show")


def _send_code(address: str, given: str) -> ResponseReturnValue:
    """Send a code to an address, or say why none was sent."""
    try:
        count_code()
    except RateLimitExceeded:
        late = RateLimited(retry_after=seconds_until_let_in())
        return preferences.page(wording.too_often(late), given), late.status, late.headers
    known = language.known()
    try:
        mail_consent.give_with_code(
            g.visitor,
            g.e164,
            address,
            sessions.this_asker(),
            known.code if known else None,
            proof.paid_bits(g.e164),
        )
    except ProofRequired as error:
        return proof.page(error, g.e164), error.status
    except SmsappError as error:
        fault = (
            gettext("No mail gets to this address. Check it")
            if isinstance(error, InvalidRequest)
            else wording.not_sent(error, offers_calls=False)
        )
        return preferences.page(fault, given), error.status, error.headers
    flash(
        gettext(
            "We have sent a code to %(address)s. Enter it below to confirm the address.",
            address=mail_address.mask(address),
        )
    )
    return see("preferences.show")


@bp.post("/preferences/email/code")
@sessions.signed_in
def enter_code() -> ResponseReturnValue:
    """Take the address of whoever enters the code that went there."""
    if not settings().confirms_mail_by_code:
        raise NotFound
    code = typed.code(request.form.get("code", ""))
    if code is None:
        fault = gettext(
            "Enter the code: the %(digits)s digits that we sent", digits=typed.CODE_DIGITS
        )
        return preferences.page(code_fault=fault), 400
    try:
        count_check()
        asker = sessions.this_asker()
        verdict = mail_consent.confirm_with_code(g.visitor, g.e164, code, asker)
    except RateLimitExceeded:
        late = RateLimited(retry_after=seconds_until_let_in())
        return preferences.page(code_fault=wording.too_often(late)), late.status, late.headers
    except SmsappError as error:
        fault = wording.not_checked(error)
        return preferences.page(code_fault=fault), error.status, error.headers
    if not verdict.approved:
        return preferences.page(code_fault=wording.not_approved(verdict)), 400
    flash(gettext("Thank you: your address is confirmed"))
    return see("preferences.show")


@bp.post("/preferences/email/none")
@sessions.signed_in
def take_away() -> ResponseReturnValue:
    """Forget the address and send no more mails."""
    mail_consent.take_away(g.visitor)
    flash(gettext("We write to you by e-mail no more."))
    return see("preferences.show")


@links.get(f"{mail_links.CONFIRM_PATH}/<token>")
@guards.public
def confirm_page(token: str) -> ResponseReturnValue:
    """Show a button that confirms the address."""
    is_good = mail_consent.may_confirm(token)
    return render_template("mail/confirm.html", is_good=is_good), 200 if is_good else 404


@links.post(f"{mail_links.CONFIRM_PATH}/<token>")
@guards.public
def confirm(token: str) -> ResponseReturnValue:
    """Take the address of whoever got the link."""
    is_good = mail_consent.confirm(token, _stranger())
    template = "mail/confirmed.html" if is_good else "mail/confirm.html"
    return render_template(template, is_good=False), 200 if is_good else 404


@links.get(f"{mail_links.UNSUBSCRIBE_PATH}/<token>")
@guards.public
def unsubscribe_page(token: str) -> ResponseReturnValue:
    """Show a button that stops all mails."""
    if mail_links.read_unsubscribe(token) is None:
        raise NotFound
    return render_template("mail/unsubscribe.html")


@links.post(f"{mail_links.UNSUBSCRIBE_PATH}/<token>")
@guards.public
def unsubscribe(token: str) -> ResponseReturnValue:
    """Stop all mails, for a person who pressed the button or for their mail program (RFC 8058)."""
    if not mail_consent.unsubscribe(token, _stranger()):
        raise NotFound
    return render_template("mail/unsubscribed.html")


def _stranger() -> Visitor:
    """Return whoever makes this request, whose number only the token knows."""
    address = guards.client_address()
    seen_at = None if address is None else str(address)
    return Visitor("", None, seen_at, request.user_agent.string, current())


@limiter.shared_limit(
    ASKED_PER_NUMBER, scope="addresses by number", key_func=lambda: g.visitor.phone_key
)
@limiter.shared_limit(ASKED_PER_ADDRESS, scope="addresses by address", key_func=lambda: g.mark)
def _count_asking() -> None:
    """Count one mail that asks for a confirmation."""
