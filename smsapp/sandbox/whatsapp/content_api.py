"""The Content API and the typing indicator over HTTP, as the SDK asks them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox import inbox
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.errors import TwilioError
from smsapp.sandbox.rest.protocol import nothing_here, speak_as
from smsapp.sandbox.whatsapp import templates, typing_indicator
from smsapp.sandbox.whatsapp.content import CONTENT_URL, Content
from smsapp.sandbox.whatsapp.templates import BadTemplate

PAGE_SIZE, MAX_PAGE_SIZE = 50, 500
ONE = "/v1/Content/<sid>"

bp = Blueprint("content", __name__)
speak_as("content.twilio.com", bp)
typing_bp = Blueprint("typing", __name__)
speak_as("messaging.twilio.com", typing_bp)
BLUEPRINTS = (bp, typing_bp)


@bp.post("/v1/Content")
def create() -> ResponseReturnValue:
    """Make a template."""
    given = _json()
    content = templates.add(
        this_desk(),
        str(given.get("friendly_name") or ""),
        str(given.get("language") or ""),
        _without_nulls(given.get("types")) or {},
        given.get("variables"),
    )
    return content.as_twilio(this_desk().config.account_sid), 201


@bp.get(ONE)
def fetch(sid: str) -> ResponseReturnValue:
    """Show a template."""
    return _found(sid).as_twilio(this_desk().config.account_sid)


@bp.delete(ONE)
def delete(sid: str) -> ResponseReturnValue:
    """Delete a template."""
    templates.remove(this_desk(), _found(sid).sid)
    return "", 204


@bp.post(f"{ONE}/ApprovalRequests/whatsapp")
def request_approval(sid: str) -> ResponseReturnValue:
    """Ask for an approval: the answer is older than what comes of it, as at Twilio."""
    content, given = _found(sid), _json()
    content.name, content.category = str(given.get("name")), str(given.get("category"))
    templates.submit(this_desk(), content, content.name, content.category)
    return content.approval(), 201


@bp.get(f"{ONE}/ApprovalRequests")
def fetch_approval(sid: str) -> ResponseReturnValue:
    """Show how the approval stands."""
    return _found(sid).fetched_approval(this_desk().config.account_sid)


@bp.get("/v1/Content")
@bp.get("/v2/Content")
def page() -> ResponseReturnValue:
    """List the templates."""
    return _page(Content.as_twilio)


@bp.get("/v1/ContentAndApprovals")
@bp.get("/v2/ContentAndApprovals")
def page_with_approvals() -> ResponseReturnValue:
    """List the templates, each with how its approval stands."""
    return _page(Content.with_approval)


@typing_bp.post("/v2/Indicators/Typing.json")
def show_typing() -> ResponseReturnValue:
    """Show the customer that the shop is typing."""
    if request.form.get("channel") != "whatsapp":
        raise TwilioError(20001, "The channel must be whatsapp")
    message = inbox.find(this_desk(), request.form.get("messageId", ""))
    if message is None or message.direction != "inbound" or message.channel != "whatsapp":
        raise TwilioError(20001, "The messageId must be of a customer's WhatsApp message")
    typing_indicator.start(this_desk(), message)
    return {"success": True}


@bp.errorhandler(BadTemplate)
def bad_template(error: BadTemplate) -> ResponseReturnValue:
    """Refuse what cannot be a template."""
    refused = TwilioError(20001, str(error))
    return refused.body(), refused.status


def _page(show: Callable[[Content, str], dict[str, object]]) -> dict[str, object]:
    """Return a page as Twilio's newer APIs do; the token of the next names this one's last."""
    size = min(max(_whole("PageSize", PAGE_SIZE), 1), MAX_PAGE_SIZE)
    number, after = _whole("Page", 0), _whole("PageToken", 0)
    found = templates.listed(this_desk(), size + 1, after)
    rows, account_sid = found[:size], this_desk().config.account_sid

    def url(page: int, **token: int) -> str:
        query = urlencode({"PageSize": size, "Page": page, **token})
        return f"{CONTENT_URL}{request.path}?{query}"

    more = len(found) > size
    return {
        "contents": [show(content, account_sid) for content in rows],
        "meta": {
            "page": number,
            "page_size": size,
            "first_page_url": url(0),
            "previous_page_url": None,
            "url": url(number, **({"PageToken": after} if after else {})),
            "next_page_url": url(number + 1, PageToken=rows[-1].seq) if more else None,
            "key": "contents",
        },
    }


def _whole(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdecimal():
        raise TwilioError(20001, name=name)
    return int(text)


def _json() -> dict[str, Any]:
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise TwilioError(20001, "Send a JSON object")
    return given


def _without_nulls(value: Any) -> Any:
    """Return JSON without its nulls: the SDK sends every type and field that there could be."""
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _found(sid: str) -> Content:
    content = templates.find(this_desk(), sid)
    if content is None:
        raise nothing_here()
    return content
