"""The page of calls: the shop rings, and is rung; keys, words after the tone, whom it dials."""

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import delete

from smsapp import typed
from smsapp.phone import InvalidPhone, parse_e164
from smsapp.sandbox import guards
from smsapp.sandbox.calls import call as calls
from smsapp.sandbox.calls import line
from smsapp.sandbox.calls.call import Call, Heard, Recording, new_call
from smsapp.sandbox.desk import Desk, this_desk
from smsapp.sandbox.phone.page import BETWEEN, HEADERS

MAX_CALLS = 50
KEYS = "123456789*0#"
WITHHELD = "anonymous"
# What whoever is called may do while it rings, and what becomes of whom they are put through to.
RINGS = {
    "human": "Pick up",
    "machine_end_beep": "Let the answering machine take it",
    "busy": "Be on the phone",
    "no-answer": "Let it ring",
    "failed": "Be no number at all",
}
THROUGH = {"completed": "They answer", "busy": "Busy", "no-answer": "No answer", "failed": "Failed"}

bp = Blueprint("calls", __name__)
bp.before_request(guards.only_our_pages)


@bp.after_request
def harden(response: Response) -> Response:
    """Let the page load and do nothing but its own."""
    response.headers.update(HEADERS)
    return response


@bp.get("/calls")
def home() -> ResponseReturnValue:
    """List the calls, and show the newest."""
    return ("", 204) if _unchanged() else _page(None)


@bp.get("/calls/<int:seq>")
def one(seq: int) -> ResponseReturnValue:
    """Show one call; where it was cleared, the list."""
    if _unchanged():
        return "", 204
    found = calls.at(this_desk(), seq)
    return _page(found) if found else redirect(url_for(".home"), 303)


@bp.post("/calls")
def ring() -> ResponseReturnValue:
    """Ring the shop."""
    number = typed.clean(request.form.get("from", "")).translate(BETWEEN)
    if request.form.get("withheld"):
        number = WITHHELD
    try:
        call = ring_shop(this_desk(), number)
    except InvalidPhone as fault:
        return _page(None, ring_fault=str(fault), ring_from=number), 400
    return redirect(url_for(".one", seq=call.seq), 303)


def ring_shop(desk: Desk, sender: str) -> Call:
    """Ring the shop from a number, E.164, or from "anonymous".

    Raises:
        InvalidPhone: It is neither, or there is nobody to ring.
    """
    config = desk.config
    if sender != WITHHELD:
        sender = parse_e164(sender)
    if not config.voice_url or not config.voice_number:
        raise InvalidPhone("The shop takes no calls here.")
    call = new_call(
        "inbound",
        config.voice_number,
        sender,
        config.voice_url,
        config.voice_fallback_url,
        config.voice_status_url,
        ["completed"],
    )
    return line.ring_in(desk, call)


@bp.post("/calls/<int:seq>/ring")
def while_it_rings(seq: int) -> ResponseReturnValue:
    """Pick up, or do not."""
    choice = request.form.get("choice", "")

    def do(desk: Desk, sid: str) -> None:
        if choice in ("human", "machine_end_beep"):
            line.answer(desk, sid, choice)
        elif choice in RINGS:
            line.end(desk, sid, choice)

    return _do(seq, do)


@bp.post("/calls/<int:seq>/say")
def say(seq: int) -> ResponseReturnValue:
    """Press keys, speak, or be silent."""
    keys = "".join(key for key in request.form.get("keys", "") if key in KEYS)
    words = request.form.get("words", "")[:2000]
    if words and request.form.get("then") == "hang-up":
        return _do(seq, lambda desk, sid: line.leave(desk, sid, words))
    return _do(seq, lambda desk, sid: line.act(desk, sid, keys, words))


@bp.post("/calls/<int:seq>/through")
def through(seq: int) -> ResponseReturnValue:
    """Say what becomes of whom the caller is put through to."""
    outcome = request.form.get("outcome", "")
    if outcome not in THROUGH:
        return redirect(url_for(".one", seq=seq), 303)
    return _do(seq, lambda desk, sid: line.put_through(desk, sid, outcome))


@bp.post("/calls/<int:seq>/hang-up")
def hang_up(seq: int) -> ResponseReturnValue:
    """Hang up."""
    return _do(seq, line.end)


@bp.post("/calls/clear")
def clear() -> ResponseReturnValue:
    """Forget every call."""
    with this_desk().database.write() as db:
        for table in (Call, Heard, Recording):
            db.execute(delete(table))
    this_desk().changed()
    return redirect(url_for(".home"), 303)


def _do(seq: int, what: Any) -> ResponseReturnValue:
    """Do something in a call; what its line does not wait for any more is left undone."""
    found = calls.at(this_desk(), seq)
    if found is None:
        return redirect(url_for(".home"), 303)
    with suppress(line.NotNow):
        what(this_desk(), found.sid)
    return redirect(url_for(".one", seq=seq), 303)


def _page(chosen: Call | None, **refused: Any) -> str:
    desk = this_desk()
    found = calls.calls(desk, MAX_CALLS)
    shown = chosen or (found[0] if found else None)
    return render_template(
        "sandbox/calls.html",
        revision=desk.revision,
        calls=found,
        shown=shown,
        chosen=chosen is not None,
        heard=calls.heard(desk, shown.sid) if shown else [],
        keys=KEYS,
        rings=RINGS,
        through=THROUGH,
        can_ring=bool(desk.config.voice_url),
        shop=desk.config.voice_number,
        in_words=desk.weather.in_words(),
        app_url=desk.config.public_base_url,
        **refused,
    )


def _unchanged() -> bool:
    return request.args.get("since") == str(this_desk().revision)
