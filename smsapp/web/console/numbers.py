"""Numbers by their key in the console."""

import logging
import uuid

from flask import Response, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wsgi import FileWrapper

from smsapp.delivery import windows
from smsapp.errors import InvalidRequest, NotFound
from smsapp.events import kinds
from smsapp.extensions import RateLimitExceeded, limiter, seconds_until_let_in
from smsapp.inbound import answering, media
from smsapp.phone import mask
from smsapp.trace import acts, phone_history
from smsapp.trace.acts import NotDone
from smsapp.trace.phone_history import AboutNumber
from smsapp.web import wording
from smsapp.web.console import shell

bp = shell.blueprint("console_numbers")
log = logging.getLogger(__name__)

# More than anybody calls; copying the customers out takes longer than it goes unseen.
SHOWN_PER_OPERATOR = "20/hour;60/day"


@bp.get("/numbers/<phone_key>")
@shell.looks
def show(phone_key: str) -> ResponseReturnValue:
    """Show what a number agreed to, and what went to it and came from it."""
    return _page(_about(phone_key))


@bp.post("/numbers/<phone_key>/show-number")
@shell.looks
def show_number(phone_key: str) -> ResponseReturnValue:
    """Show the whole number, once the reason is written to the audit trail."""
    return _page(_about(phone_key), whole_number(phone_key))


@bp.post("/numbers/<phone_key>/opt-out")
@shell.acts
def opt_out(phone_key: str) -> ResponseReturnValue:
    """Stop all texts to a number."""
    _about(phone_key)
    acts.opt_out(phone_key, g.operator.id)
    return shell.done("All texts to the number are stopped.")


@bp.post("/numbers/<phone_key>/answer")
@shell.acts
def answer(phone_key: str) -> ResponseReturnValue:
    """Answer what somebody wrote to us."""
    _about(phone_key)
    form_id = request.form.get("form_id", type=uuid.UUID)
    if form_id is None:
        raise InvalidRequest
    answering.answer(phone_key, g.operator.id, request.form.get("words", ""), form_id)
    return shell.done("Your answer waits for a worker, which sends it at once.")


@bp.post("/numbers/<phone_key>/typing")
@shell.acts
def typing(phone_key: str) -> ResponseReturnValue:
    """Show the person that somebody answers."""
    answering.show_typing(phone_key)
    return "", 204


@bp.post("/numbers/<phone_key>/media")
@shell.acts
def fetch_media(phone_key: str) -> ResponseReturnValue:
    """Hand on a file that somebody sent, to be kept and not to be shown: nobody has checked it."""
    about = _about(phone_key)
    file = media.fetch(about.phone.phone_key, request.form.get("media", ""), g.operator.id)
    answer = Response(FileWrapper(file.content), content_type=file.content_type)
    answer.content_length = file.size
    answer.headers["Content-Disposition"] = f'attachment; filename="{file.name}"'
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


def whole_number(phone_key: str, delivery_id: uuid.UUID | None = None) -> str | None:
    """Return a whole number for the reason in the form; None for one that is not here any more.

    Raises:
        NotDone: The reason is none, or the operator has seen too many.
    """
    try:
        _count_shown()
    except RateLimitExceeded:
        log.warning("too many whole numbers asked for", extra={"operator": g.operator.name})
        wait = wording.wait(seconds_until_let_in())
        raise NotDone(f"You have seen many whole numbers. You can see more {wait}.") from None
    return acts.show_number(phone_key, g.operator.id, request.form.get("why", ""), delivery_id)


@limiter.shared_limit(
    SHOWN_PER_OPERATOR, scope="whole numbers", key_func=lambda: str(g.operator.id)
)
def _count_shown() -> None:
    """Count one whole number against the limit of the operator."""


def _about(phone_key: str) -> AboutNumber:
    if "\0" in phone_key:  # PostgreSQL cannot even be asked for it
        raise NotFound("There is no such number.")
    about = phone_history.about(
        phone_key,
        request.args.get("sent", type=uuid.UUID),
        shell.text_argument("got"),
        shell.time_argument(request.args.get("codes", "")),
        shell.kind_argument(request.args),
        shell.text_argument("called"),
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
        way=answering.way_to(about.phone.phone_key),
        form_id=uuid.uuid4(),
        longest=windows.MAX_CHARACTERS,
        e164=e164,
        chosen=shell.kind_argument(request.args),
        kind_titles=kinds.titles(),
    )
