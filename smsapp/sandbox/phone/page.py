"""The page that looks like a phone: conversations, texts both ways, and the weather."""

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.errors import CARRIER_ERRORS
from smsapp.sandbox.inbound.customers import BadText, Customers
from smsapp.sandbox.inbound.opt_outs import OptOuts
from smsapp.sandbox.inbox import Conversation, Inbox
from smsapp.sandbox.phone import filters
from smsapp.sandbox.rest.send_request import MAX_BODY
from smsapp.sandbox.weather import FIELDS, BadWeather, Weather

# A page that is drawn once a second stays small, whatever a benchmark has sent.
MAX_CONVERSATIONS, MAX_TEXTS = 50, 100

_HEADERS = {
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
_BETWEEN = str.maketrans("", "", " -.()/\N{NO-BREAK SPACE}")


def create_blueprint(
    config: SandboxConfig,
    carrier: Carrier,
    inbox: Inbox,
    opt_outs: OptOuts,
    customers: Customers,
    weather: Weather,
) -> Blueprint:
    """Return the phone page over one carrier."""
    bp = Blueprint("phone", __name__)
    bp.before_request(guards.only_our_pages)
    filters.register(bp)

    @bp.after_request
    def harden(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    def draw(open_one: Conversation | None, chosen: bool, **refused: Any) -> str:
        """Return the page; `refused` is what was typed into a form, and its fault."""
        conversations = inbox.conversations(MAX_CONVERSATIONS)
        shown = open_one or (conversations[0] if conversations else None)
        people, texts = inbox.count()
        return render_template(
            "sandbox/phone.html",
            revision=carrier.revision,
            conversations=conversations,
            people=people,
            total=texts,
            shown=shown,
            chosen=chosen,
            texts=inbox.texts(shown.number, MAX_TEXTS) if shown else [],
            opted_out=shown is not None and opt_outs.holds(shown.number, config.from_number),
            sender=config.from_number,
            longest=MAX_BODY,
            fields=FIELDS,
            weather=refused.pop("weather", None) or weather.as_json(),
            changed=weather.changed(),
            codes=CARRIER_ERRORS,
            **{"new": {}, **refused},
        )

    def unchanged() -> bool:
        return request.args.get("since") == str(carrier.revision)

    @bp.get("/")
    def home() -> ResponseReturnValue:
        return ("", 204) if unchanged() else draw(None, chosen=False)

    @bp.get("/conversations/<int:conversation_id>")
    def conversation(conversation_id: int) -> ResponseReturnValue:
        if unchanged():
            return "", 204
        found = inbox.conversation(conversation_id)
        if found is None:
            # It was cleared; the page that shows it goes home.
            return redirect(url_for(".home"), 303)
        return draw(found, chosen=True)

    @bp.post("/conversations/<int:conversation_id>/texts")
    def reply(conversation_id: int) -> ResponseReturnValue:
        found = inbox.conversation(conversation_id)
        if found is None:
            return redirect(url_for(".home"), 303)
        body = request.form.get("body", "")
        try:
            customers.text(found.number, body)
        except BadText as error:
            return draw(found, True, reply=body, reply_fault=str(error)), 400
        return _ready_to_reply(conversation_id)

    @bp.post("/texts")
    def new_text() -> ResponseReturnValue:
        typed = {name: request.form.get(name, "") for name in ("from", "body")}
        try:
            text = customers.text(typed["from"].translate(_BETWEEN), typed["body"])
        except BadText as error:
            return draw(None, False, new=typed, new_fault=str(error)), 400
        return _ready_to_reply(inbox.conversation_with(text.customer))

    @bp.post("/weather")
    def set_weather() -> ResponseReturnValue:
        # A box that is not ticked is not sent.
        given = {f.name: request.form.get(f.name, "0") or "0" for f in FIELDS}
        try:
            weather.change(given)
        except BadWeather as error:
            return draw(_shown(inbox), True, weather=given, weather_fault=str(error)), 400
        return _back()

    @bp.post("/weather/clear")
    def clear_weather() -> ResponseReturnValue:
        weather.clear()
        return _back()

    @bp.post("/clear")
    def clear_conversations() -> ResponseReturnValue:
        carrier.clear()
        return redirect(url_for(".home"), 303)

    return bp


def _ready_to_reply(conversation_id: int) -> ResponseReturnValue:
    """Go to a conversation with the cursor in its reply box."""
    return redirect(url_for(".conversation", conversation_id=conversation_id, _anchor="reply"), 303)


def _shown(inbox: Inbox) -> Conversation | None:
    text = request.form.get("shown", "")
    return inbox.conversation(int(text)) if text.isdecimal() else None


def _back() -> ResponseReturnValue:
    text = request.form.get("shown", "")
    if text.isdecimal():
        return redirect(url_for(".conversation", conversation_id=int(text)), 303)
    return redirect(url_for(".home"), 303)
