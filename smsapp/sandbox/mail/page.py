"""The page of the mailbox: a list, and one mail with its words, its look and its headers."""

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.mail import mailbox
from smsapp.sandbox.phone.page import HEADERS

MAX_MAILS = 50

bp = Blueprint("mail", __name__)
bp.before_request(guards.only_our_pages)

_CSP = "Content-Security-Policy"
_HEADERS = HEADERS | {_CSP: f"{HEADERS[_CSP]}; frame-src 'self'"}
# A mail's own page, which stands in a frame: no script, nothing from elsewhere, no way out.
_OF_A_MAIL = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"


@bp.after_request
def harden(response: Response) -> Response:
    """Let the page load and do nothing but its own, and show a mail in a frame."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@bp.get("/mails")
def mails() -> ResponseReturnValue:
    """List the mails, and show the newest."""
    return ("", 204) if _unchanged() else _page(None)


@bp.get("/mails/<int:seq>")
def mail(seq: int) -> ResponseReturnValue:
    """Show one mail; where it was cleared, the list."""
    if _unchanged():
        return "", 204
    found = mailbox.mail(this_desk(), seq)
    return _page(found) if found else redirect(url_for(".mails"), 303)


@bp.get("/mails/<int:seq>/html")
def looks(seq: int) -> ResponseReturnValue:
    """Return a mail as mail programs show it, for the frame on its page."""
    found = mailbox.mail(this_desk(), seq)
    return Response(found.html if found else "", headers={_CSP: _OF_A_MAIL})


@bp.post("/mails/clear")
def clear() -> ResponseReturnValue:
    """Forget every mail."""
    mailbox.clear(this_desk())
    return redirect(url_for(".mails"), 303)


def _page(chosen: mailbox.Mail | None) -> str:
    desk = this_desk()
    found = mailbox.mails(desk, MAX_MAILS)
    shown = chosen or (found[0] if found else None)
    return render_template(
        "sandbox/mails.html",
        revision=desk.revision,
        mails=found,
        total=mailbox.count(desk),
        shown=shown,
        chosen=chosen is not None,
        app_url=desk.config.public_base_url,
        in_words=desk.weather.in_words(),
    )


def _unchanged() -> bool:
    return request.args.get("since") == str(this_desk().revision)
