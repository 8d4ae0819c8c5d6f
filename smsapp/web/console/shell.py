"""What all pages of the console share: who may see them, what stands around them.

A page's module makes its blueprint with `blueprint(name)`, guards its views with `looks` or
`acts`, renders templates that extend console/base.html, and is listed in app.py; NAVIGATION
names those that have a link on every page.
"""

import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from smsapp import clock, logs, operators
from smsapp.errors import Forbidden, InvalidRequest, SmsappError
from smsapp.events import kinds
from smsapp.extensions import csrf, settings
from smsapp.inbound import keywords
from smsapp.models import Role
from smsapp.phone import mask
from smsapp.providers.twilio_errors import meaning
from smsapp.recipients.refusals import REFUSALS
from smsapp.trace import status_text, timeline_text, words_of_media
from smsapp.trace.acts import NotDone
from smsapp.trace.their_clock import their_clock
from smsapp.voice import call_rows
from smsapp.web import guards
from smsapp.web.guards import View

log = logging.getLogger(__name__)

# Their links, in this order; a page that is not there has none.
NAVIGATION = (
    ("Search", "console.search_page", Role.SUPPORT),
    ("Overview", "overview.show", Role.SUPPORT),
    ("Inbox", "console_inbox.inbox", Role.SUPPORT),
    ("Webhooks", "console_webhooks.list_all", Role.SUPPORT),
    ("Incidents", "console_incidents.list_all", Role.SUPPORT),
    ("On call", "console_on_call.show", Role.SUPPORT),
    ("Batches", "console_batches.batches", Role.SUPPORT),
    ("Audit trail", "console_audit.audit_trail", Role.OPERATOR),
    ("API", "docs.show", Role.SUPPORT),
)

_READS = {"GET", "HEAD"}
_MAY = {Role.SUPPORT: {Role.SUPPORT}, Role.OPERATOR: {Role.SUPPORT, Role.OPERATOR}}


def blueprint(name: str) -> Blueprint:
    """Return a blueprint under /console: kept by nobody, with the console's frame and errors."""
    bp = Blueprint(name, __name__.rpartition(".")[0], url_prefix="/console")
    csrf.exempt(bp)  # the guards ask for the token of the operator's own session
    bp.after_request(_keep_nothing)
    bp.context_processor(_frame)
    bp.register_error_handler(SmsappError, _answer_error)
    bp.register_error_handler(NotDone, lambda error: done(error.text, "fault"))
    return bp


def looks(view: View) -> View:
    """Let in who is signed in to the console, as g.operator; others to the sign-in page."""
    return _guarded(view, Role.SUPPORT)


def acts(view: View) -> View:
    """Let in who is signed in to the console with the role operator.

    Raises:
        Forbidden: They have another role.
    """
    return _guarded(view, Role.OPERATOR)


def _guarded(view: View, role: Role) -> View:
    def check() -> ResponseReturnValue | None:
        found = signed_in()
        if found is None:
            if request.method in _READS:
                return redirect(url_for("console_sign_in.sign_in_page", next=request.path), 303)
            flash("You were signed out, and nothing was done. Sign in and do it again.")
            return redirect(url_for("console_sign_in.sign_in_page"), 303)
        g.operator = found
        if request.method not in _READS:
            _check_token()
        if role not in _MAY[found.role]:
            log.warning("console act refused", extra={"operator": found.name})
            raise Forbidden("Your role is support: you may look. Ask an operator to do this.")
        return None

    return guards.guarded(view, f"console {role}", check)


def signed_in() -> operators.SignedIn | None:
    """Return who is signed in to the console, for a page that is there for others too."""
    return operators.recognise(request.cookies.get(cookie_name(), ""))


def cookie_name() -> str:
    """Return the name of the cookie; with __Host- nobody else can plant one."""
    return "__Host-console" if current_app.config["SESSION_COOKIE_SECURE"] else "console"


def begin(response: Response, token: str) -> None:
    """Let the browser keep a session's token until it is closed; the session may end earlier."""
    response.set_cookie(cookie_name(), token, **_cookie())


def end(response: Response) -> None:
    """Let the browser forget it."""
    response.delete_cookie(cookie_name(), **_cookie())


def _cookie() -> dict[str, Any]:
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    return {"secure": secure, "httponly": True, "samesite": "Lax"}


def form_token() -> str:
    """Return what a form of this session carries: good for as long as the session is."""
    key = settings().secret_key.get_secret_value().encode()
    token = request.cookies.get(cookie_name(), "")
    return hmac.digest(key, b"console form " + token.encode(), "sha256").hex()


def _check_token() -> None:
    shown = request.form.get("csrf_token", "")
    if not hmac.compare_digest(shown.encode(), form_token().encode()):
        raise InvalidRequest("This form was not one of ours, so nothing was done.")


def done(sentence: str, category: str = "message") -> ResponseReturnValue:
    """Say a sentence on the page of what the address is about, once it is fetched with GET."""
    flash(sentence, category)
    return redirect(url_for(".show", **request.view_args or {}), 303)


def coded(sentence: str) -> Markup:
    """Return a sentence for a page: what stands between backticks is a command."""
    parts = sentence.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else escape(part)
        for n, part in enumerate(parts)
    )


def to_second(at: datetime) -> str:
    """Return a time as "21 Nov 2026, 09:00:03 UTC"."""
    return f"{at.day} {at:%b %Y, %H:%M:%S} UTC"


def _keep_nothing(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _frame() -> dict[str, Any]:
    """Return what stands around every page."""
    operator = g.get("operator")
    links = [
        (title, endpoint)
        for title, endpoint, role in NAVIGATION
        if operator and role in _MAY[operator.role] and endpoint in current_app.view_functions
    ]
    return {
        "operator": operator,
        "may_act": operator is not None and operator.role is Role.OPERATOR,
        "navigation": links,
        "form_token": form_token,
        "to_second": to_second,
        "coded": coded,
        "mask": mask,
        "logged_event_id": logs.logged_event_id,
        "said": timeline_text.of_step,
        "meaning": meaning,
        "titles": status_text.TITLES,
        "channel_names": status_text.CHANNELS,
        "code_ways": status_text.CODE_WAYS,
        "sounds_like_stop": keywords.sounds_like_stop,
        "kind_title": kinds.title,
        "kind_about": kinds.about,
        "canceled_because": status_text.CANCELED,
        "utc": UTC,
        "time_now": clock.now,
        "call_ends": call_rows.ENDINGS,
        "their_clock": their_clock,
        "doors": timeline_text.DOORS,
        "consent_sources": timeline_text.SAID,
        "refusals": REFUSALS,
        "of_media": words_of_media,
    }


def _answer_error(error: SmsappError) -> ResponseReturnValue:
    """Answer what a view of the console refuses with a page of the console."""
    page = render_template("console/error.html", sentence=error.text, request_id=g.request_id)
    return page, error.status


def text_argument(name: str) -> tuple[datetime, str] | None:
    """Return after which text a list goes on: "2026-11-21T09:00:00+00:00 SM…"."""
    at, _, sid = request.args.get(name, "").partition(" ")
    found = time_argument(at)
    return (found, sid) if found and sid.isalnum() else None


def kind_argument(given: Mapping[str, str]) -> str | None:
    """Return the kind that a list is to be of; None for all, and for one that there is not."""
    return given["kind"] if given.get("kind") in kinds.ALL else None


def time_argument(text: str) -> datetime | None:
    """Return a time with an offset; None where it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
