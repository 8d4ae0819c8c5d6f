"""The page that looks like a phone: conversations, texts both ways, and the weather."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp import typed
from smsapp.sandbox import addresses, carrier, guards, inbox
from smsapp.sandbox.calls import line
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.inbound import customers, opt_outs
from smsapp.sandbox.inbound.customers import BadText
from smsapp.sandbox.inbox import Conversation
from smsapp.sandbox.phone import filters
from smsapp.sandbox.rest.send_request import MAX_BODY
from smsapp.sandbox.weather import FIELDS, PRESETS, BadWeather
from smsapp.sandbox.whatsapp import inbound as whatsapp
from smsapp.sandbox.whatsapp import typing_indicator, windows
from smsapp.sandbox.whatsapp.samples import SAMPLES

# A page that is drawn once a second stays small, whatever a benchmark has sent.
MAX_CONVERSATIONS, MAX_TEXTS = 50, 100

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers then hide the Origin of our own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


# What people put between the digits of a number.
BETWEEN = str.maketrans("", "", " -.()/")


bp = Blueprint("phone", __name__)
bp.before_request(guards.only_our_pages)
filters.register(bp)


@bp.after_request
def harden(response: Response) -> Response:
    """Let the page load and do nothing but its own."""
    response.headers.update(HEADERS)
    return response


@bp.get("/")
def home() -> ResponseReturnValue:
    """Show the conversations, and the newest of them."""
    return ("", 204) if _unchanged() else _page(None)


@bp.get("/conversations/<int:conversation_id>")
def conversation(conversation_id: int) -> ResponseReturnValue:
    """Show one conversation, which is read by that; one that was cleared leads home."""
    if _unchanged():
        return "", 204
    found = inbox.conversation(this_desk(), conversation_id)
    if found and found.channel == "whatsapp":
        carrier.read(this_desk(), found.address)
    return _page(found) if found else redirect(url_for(".home"), 303)


@bp.post("/conversations/<int:conversation_id>/texts")
def reply(conversation_id: int) -> ResponseReturnValue:
    """Write to the shop in a conversation."""
    found = inbox.conversation(this_desk(), conversation_id)
    if found is None:
        return redirect(url_for(".home"), 303)
    body = request.form.get("body", "")
    try:
        customers.text(this_desk(), found.address, body)
    except BadText as error:
        return _page(found, reply=body, reply_fault=str(error)), 400
    return _ready_to_reply(conversation_id)


@bp.post("/conversations/<int:conversation_id>/samples")
def send_sample(conversation_id: int) -> ResponseReturnValue:
    """Send the shop a picture, a voice note or a place over WhatsApp, or a picture by MMS."""
    found, name = inbox.conversation(this_desk(), conversation_id), request.form.get("name", "")
    if found is None:
        return redirect(url_for(".home"), 303)
    try:
        customers.send_sample(this_desk(), found.address, name)
    except (BadText, KeyError):
        abort(400)
    return _ready_to_reply(conversation_id)


@bp.post("/conversations/<int:conversation_id>/buttons")
def press(conversation_id: int) -> ResponseReturnValue:
    """Press a button of a template."""
    pressed = inbox.find(this_desk(), request.form.get("sid", ""))
    if pressed is None:
        return redirect(url_for(".home"), 303)
    if whatsapp.press(this_desk(), pressed, request.form.get("button", "")) is None:
        abort(400)
    return _ready_to_reply(conversation_id)


@bp.post("/texts")
def new_text() -> ResponseReturnValue:
    """Write to the shop from a number that may be new."""
    given = {name: request.form.get(name, "") for name in ("from", "body", "channel")}
    number = typed.clean(given["from"]).translate(BETWEEN)
    try:
        address = addresses.of(number, given["channel"])
        text = customers.text(this_desk(), address, given["body"])
    except BadText as error:
        return _page(None, new=given, new_fault=str(error)), 400
    return _ready_to_reply(inbox.conversation_with(this_desk(), text.customer))


@bp.post("/weather")
def set_weather() -> ResponseReturnValue:
    """Set every field of the weather; a box that is not ticked is not sent."""
    given = {f.name: request.form.get(f.name, "0") or "0" for f in FIELDS}
    try:
        this_desk().weather.change(given)
    except BadWeather as error:
        return _page(_shown(), weather=given, weather_fault=str(error)), 400
    return _back()


@bp.post("/weather/preset")
def preset_weather() -> ResponseReturnValue:
    """Set the weather of a whole day."""
    try:
        this_desk().weather.set_to(request.form.get("preset", ""))
    except BadWeather as error:
        return _page(_shown(), weather_fault=str(error)), 400
    return _back()


@bp.post("/weather/clear")
def clear_weather() -> ResponseReturnValue:
    """Make it a calm day again."""
    this_desk().weather.clear()
    return _back()


@bp.post("/later")
def later() -> ResponseReturnValue:
    """Let a day pass for what the app has planned, or an hour more for WhatsApp's windows."""
    let_pass, hours = this_desk().config.let_pass, request.form.get("hours", "24")
    if hours not in ("24", "25") or (let_pass is None and hours == "24"):
        abort(404)
    time = timedelta(hours=int(hours))
    windows.let_pass(this_desk(), time)
    if let_pass:
        let_pass(time)
    return _back()


@bp.post("/clear")
def clear_conversations() -> ResponseReturnValue:
    """Forget every text."""
    carrier.clear(this_desk())
    return redirect(url_for(".home"), 303)


def _page(chosen: Conversation | None, **refused: Any) -> str:
    """Return the page; `refused` is what was typed into a form, and its fault."""
    desk = this_desk()
    conversations = inbox.conversations(desk, MAX_CONVERSATIONS)
    shown = chosen or (conversations[0] if conversations else None)
    people, texts = inbox.count(desk)
    return render_template(
        "sandbox/phone.html",
        revision=desk.revision,
        conversations=conversations,
        people=people,
        total=texts,
        shown=shown,
        chosen=chosen is not None,
        texts=inbox.texts(desk, shown.address, MAX_TEXTS) if shown else [],
        opted_out=shown is not None and opt_outs.holds(desk, shown.address),
        open_until=windows.open_until(desk, shown.address) if shown else None,
        is_open=shown is not None and windows.is_open(desk, shown.address),
        is_typing=shown is not None and typing_indicator.is_shown(desk, shown.address),
        samples=SAMPLES,
        sender=addresses.number(desk.config.sender_to(shown.address)) if shown else None,
        longest=MAX_BODY,
        fields=FIELDS,
        weather=refused.pop("weather", None) or desk.weather.as_json(),
        in_words=desk.weather.in_words(),
        presets=PRESETS,
        time_can_pass=desk.config.let_pass is not None,
        app_url=desk.config.public_base_url,
        has_mail=desk.config.mail_port is not None,
        ringing=line.ringing(desk),
        **{"new": {}, **refused},
    )


def _unchanged() -> bool:
    return request.args.get("since") == str(this_desk().revision)


def _ready_to_reply(conversation_id: int) -> ResponseReturnValue:
    """Go to a conversation with the cursor in its reply box."""
    return redirect(url_for(".conversation", conversation_id=conversation_id, _anchor="reply"), 303)


def _shown() -> Conversation | None:
    text = request.form.get("shown", "")
    return inbox.conversation(this_desk(), int(text)) if text.isdecimal() else None


def _back() -> ResponseReturnValue:
    shown = _shown()
    if shown:
        return redirect(url_for(".conversation", conversation_id=shown.id), 303)
    return redirect(url_for(".home"), 303)
