"""The console's way in and out."""

import hashlib
import logging

from flask import Response, flash, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from smsapp import operators
from smsapp.extensions import csrf, limiter, seconds_until_let_in
from smsapp.web import guards, wording
from smsapp.web.console import shell

bp = shell.blueprint("console_sign_in")
log = logging.getLogger(__name__)

# Wrong tries to sign in. Whoever guesses waits ever longer, and nobody else does: neither the
# name's owner on another network, nor another name on this one. A password of 12 characters stands
# what is left, from however many networks.
TRIES_PER_NAME_AND_NETWORK = "4/minute;8/10 minutes;20/hour"
# Of all names: each costs a hash.
TRIES_PER_NETWORK = "60/10 minutes"
MAX_CHARACTERS = 200


@bp.get("/sign-in")
@guards.public
def sign_in_page() -> ResponseReturnValue:
    """Ask for name and password."""
    return _sign_in_page()


def _name() -> str:
    # PostgreSQL cannot even be asked for a NUL.
    return request.form.get("name", "").replace("\0", "").strip()[:MAX_CHARACTERS]


def _name_and_network() -> str:
    """Return what a try is counted by, hashed: people type their password as their name."""
    return hashlib.sha256(f"{_name()}\n{guards.network()}".encode()).hexdigest()


def _is_wrong(response: Response) -> bool:
    return response.status_code == 403


def _too_often(_limit: object) -> Response:
    log.warning("console sign-in", extra={"answer": "limited", "address": guards.network()})
    seconds = seconds_until_let_in()
    sentence = f"That was too often. You can try again {wording.wait(seconds)}"
    return make_response(_sign_in_page(sentence), 429, {"Retry-After": str(seconds)})


@bp.post("/sign-in")
@guards.public
@limiter.shared_limit(
    lambda: TRIES_PER_NETWORK,
    scope="console by network",
    key_func=guards.network,
    deduct_when=_is_wrong,
    on_breach=_too_often,
)
@limiter.shared_limit(
    TRIES_PER_NAME_AND_NETWORK,
    scope="console by name and network",
    key_func=_name_and_network,
    deduct_when=_is_wrong,
    on_breach=_too_often,
)
def sign_in() -> ResponseReturnValue:
    """Begin a session, or say that name and password do not fit."""
    try:
        csrf.protect()
    except BadRequest:
        return _sign_in_page("This page was open for too long. Enter both again"), 400
    found = operators.sign_in(_name(), request.form.get("password", "")[:MAX_CHARACTERS])
    if found is None:
        # No name: people type their password there.
        log.warning("console sign-in", extra={"answer": "refused", "address": guards.network()})
        return _sign_in_page("Name and password do not fit"), 403
    token, operator = found
    operators.sign_out(request.cookies.get(shell.cookie_name(), ""))
    log.info("console sign-in", extra={"answer": "let in", "operator": operator.name})
    response = make_response(redirect(_way_on(), 303))
    shell.begin(response, token)
    return response


@bp.post("/sign-out")
@shell.looks
def sign_out() -> ResponseReturnValue:
    """End the session."""
    operators.sign_out(request.cookies.get(shell.cookie_name(), ""))
    log.info("console sign-out", extra={"operator": g.operator.name})
    flash("You are signed out.")
    response = make_response(redirect(url_for("console_sign_in.sign_in_page"), 303))
    shell.end(response)
    return response


def _way_on() -> str:
    """Return where somebody wanted to go before they had to sign in: a page of the console."""
    wanted = request.form.get("next", "")
    home = url_for("console.search_page")
    safe = wanted.startswith(home) and "//" not in wanted and "\\" not in wanted
    return wanted if safe and wanted.isprintable() else home


def _sign_in_page(fault: str | None = None) -> str:
    return render_template(
        "console/sign_in.html",
        fault=fault,
        name=_name(),
        next=(request.form if request.method == "POST" else request.args).get("next", ""),
    )
