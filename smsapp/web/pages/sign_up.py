"""The customers' way in: give a number and choose purposes, then enter the code."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import phonenumbers
from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp import languages, mail_address, typed
from smsapp.config_types import LOOPBACK, host
from smsapp.errors import Landline, ProofRequired, RateLimited, SmsappError
from smsapp.events import confirming
from smsapp.extensions import RateLimitExceeded, limiter, seconds_until_let_in, settings
from smsapp.languages import Language
from smsapp.models import Channel
from smsapp.phone import country, mask, phone_key
from smsapp.recipients import customers, purposes, verification
from smsapp.web import countries, guards, language, wording
from smsapp.web.language import gettext
from smsapp.web.pages import forms, proof, sessions
from smsapp.web.pages.forms import SignUp
from smsapp.web.pages.sessions import CodeSent

bp = Blueprint("pages", __name__)

# Per session, on top of VERIFY_RATE_LIMIT per address and of the limits per number.
CODES_PER_SESSION = "6/hour"
CHECKS_PER_SESSION = "30/hour"


@bp.get("/")
@guards.public
def start() -> ResponseReturnValue:
    """Ask for a number and for purposes."""
    if sessions.customer():
        return see("preferences.show")
    return _start_page(SignUp(countries.guess()))


@bp.post("/")
@guards.public
def send_code() -> ResponseReturnValue:
    """Send a code to the number, or say what is wrong with it."""
    if "edit" in request.form:
        return _start_page(forms.typed_sign_up())
    form = forms.read_sign_up()
    if form.faults or form.e164 is None:
        return _start_page(form), 400
    if form.doubt:
        return _start_page(form)
    try:
        _send(form.e164, form.channel, form.purposes, form.is_landline, language.of_words())
    except ProofRequired as error:
        return proof.page(error, form.e164), error.status
    except SmsappError as error:
        fault = wording.not_sent(error, forms.offers_calls())
        form.faults["phone" if error.status < 500 else "form"] = fault
        form.is_landline |= isinstance(error, Landline)
        return _start_page(form), error.status, error.headers
    return see("pages.verify")


@bp.get("/verify")
@sessions.waiting_for_code
def verify() -> ResponseReturnValue:
    """Ask for the code."""
    return _verify_page()


@bp.post("/verify")
@sessions.waiting_for_code
def check_code() -> ResponseReturnValue:
    """Let the customer in who enters the right code, and write down what they agree to."""
    sent: CodeSent = g.code
    code = typed.code(request.form.get("code", ""))
    if code is None:
        fault = gettext(
            "Enter the code: the %(digits)s digits that we sent", digits=typed.CODE_DIGITS
        )
        return _verify_page(fault), 400
    try:
        count_check()
    except RateLimitExceeded:
        error = RateLimited(retry_after=seconds_until_let_in())
        return _verify_page(wording.too_often(error)), error.status, error.headers
    visitor = sessions.visitor(sent.phone_key, sent.verify_sid, languages.of(sent.language))
    try:
        asker = sessions.this_asker()
        verdict, agreed = customers.sign_up(visitor, g.e164, code, sent.agreed, asker)
    except SmsappError as error:
        return _verify_page(wording.not_checked(error)), error.status, error.headers
    if verdict.approved_at is None:
        return _verify_page(wording.not_approved(verdict)), 400
    sessions.sign_in(replace(sent, verify_sid=verdict.verify_sid), verdict.approved_at)
    confirming.confirm(g.e164, sent.verify_sid, agreed, language.current().code)
    return see("preferences.show")


@bp.post("/verify/send")
@sessions.waiting_for_code
def send_again() -> ResponseReturnValue:
    """Send another code, perhaps another way, or say it in a call."""
    channel = forms.read_channel()
    try:
        shown_in = languages.of(g.code.language)
        _send(g.e164, channel, g.code.purposes, g.code.is_landline, shown_in)
    except ProofRequired as error:
        return proof.page(error, g.e164), error.status
    except SmsappError as error:
        flash(wording.not_sent(error, forms.offers_calls()), "fault")
    else:
        flash(gettext(wording.SENT_AGAIN[channel]))
    return see("pages.verify")


@bp.after_request
def keep_nothing(response: Response) -> Response:
    """Let no browser and no proxy keep a page: the next to look may be somebody else."""
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.app_context_processor
def _everywhere() -> dict[str, Any]:
    """Return what every page of the app shows, errors too."""
    base = settings().twilio_base_url
    return {
        "shop": settings().shop_name,
        "on_sandbox": base is not None,
        # The sandbox's own page; whatever else stands in for Twilio elsewhere has none.
        "phone_url": base if base and host(base) in LOOPBACK else None,
        "privacy_url": settings().privacy_url,
        "terms_url": settings().terms_url,
        "wait_until": wording.wait_until,
        "offers_calls": forms.offers_calls(),
        "offers_whatsapp": Channel.WHATSAPP in forms.offers(),
        "wait_in": wording.wait,
    }


bp.add_app_template_filter(wording.moment, "moment")


bp.add_app_template_filter(mail_address.mask, "masked_mail")


@bp.app_template_filter("international")
def _international(e164: str) -> str:
    """Return a number as people write it: +1 500-555-0006."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:  # as Twilio reported it, of no country
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _send(
    e164: str, channel: Channel, purposes: tuple[str, ...], is_landline: bool, shown_in: Language
) -> None:
    """Send a code and keep in the session that it is on its way, and what was ticked in what words.

    The code comes in the language of this page; where that is none of theirs, as Twilio sees fit.
    """
    try:
        count_code()
    except RateLimitExceeded:
        raise RateLimited(retry_after=seconds_until_let_in()) from None
    paid_bits = proof.paid_bits(e164)
    known = language.known()
    begun = verification.start(
        e164, channel, sessions.this_asker(), known.code if known else None, paid_bits=paid_bits
    )
    sessions.remember_code(
        CodeSent(
            phone_key=phone_key(e164, settings().phone_key_bytes),
            verify_sid=begun.sid,
            channel=channel,
            purposes=purposes,
            is_landline=is_landline,
            language=shown_in.code,
            began=begun.started_at.isoformat(),
            resend_at=begun.resend_at.isoformat(),
        )
    )


@limiter.shared_limit(
    lambda: settings().verify_rate_limit, scope="codes by address", key_func=guards.network
)
@limiter.shared_limit(CODES_PER_SESSION, scope="codes by session", key_func=sessions.identity)
def count_code() -> None:
    """Count one code against the limits of the address and of the session."""


@limiter.shared_limit(CHECKS_PER_SESSION, scope="checks by session", key_func=sessions.identity)
def count_check() -> None:
    """Count one check against the limit of the session."""


def _start_page(form: SignUp) -> str:
    return render_template(
        "phone/phone.html",
        form=form,
        countries=countries.all_countries(language.current().code).values(),
        purposes=purposes.shown(language.current()),
    )


def _verify_page(fault: str | None = None) -> str:
    sent: CodeSent = g.code
    return render_template(
        "verify/verify.html",
        e164=g.e164,
        masked=mask(g.e164),
        country=country(g.e164),
        digits=typed.CODE_DIGITS,
        sent=sent,
        fault=fault,
        typed=request.form.get("code", "")[:20],
        verdict=verification.status_of(sent.phone_key, sessions.this_asker()),
        resend_at=datetime.fromisoformat(sent.resend_at),
    )


def sent_on() -> ResponseReturnValue | None:
    """Return the way on from a form of this file's that was open before the customer signed in."""
    return see("preferences.show") if request.blueprint == bp.name and sessions.customer() else None


def see(endpoint: str) -> ResponseReturnValue:
    """Send the browser to another page of ours, to be fetched with GET."""
    return redirect(url_for(endpoint), 303)
