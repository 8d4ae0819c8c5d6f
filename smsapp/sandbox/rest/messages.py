"""Messages: send, look up, list, redact; and the files that came with them."""

import io

from flask import Blueprint, abort, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue

from smsapp.sandbox import carrier, inbox
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.errors import TwilioError
from smsapp.sandbox.inbound import opt_outs
from smsapp.sandbox.message import API_VERSION, Message, rfc2822
from smsapp.sandbox.rest import failures
from smsapp.sandbox.rest.message_list import page_of
from smsapp.sandbox.rest.protocol import list_page, nothing_here, speak_as
from smsapp.sandbox.rest.send_request import read_send_request
from smsapp.sandbox.whatsapp import send_request as whatsapp
from smsapp.sandbox.whatsapp.inbound import media_path
from smsapp.sandbox.whatsapp.samples import SAMPLES

MESSAGES = f"/{API_VERSION}/Accounts/<account_sid>/Messages.json"
MEDIA = f"/{API_VERSION}/Accounts/<account_sid>/Messages/<sid>/Media.json"
ONE_MEDIA = f"/{API_VERSION}/Accounts/<account_sid>/Messages/<sid>/Media/<media_sid>"
MESSAGE = f"/{API_VERSION}/Accounts/<account_sid>/Messages/<sid>.json"

bp = Blueprint("messages", __name__)
speak_as("api.twilio.com", bp)
# Where Twilio's files lie: at a storage host, which knows nothing of Twilio's accounts.
storage_bp = Blueprint("storage", __name__)


@bp.post(MESSAGES)
def create(account_sid: str) -> ResponseReturnValue:
    """Take a text, as the weather lets it."""
    desk = this_desk()
    trouble = desk.weather.trouble()
    failures.fail_before(trouble)
    if whatsapp.is_for_whatsapp(request.form):
        wanted, code = whatsapp.read(request.form, desk)
    else:
        wanted, code = read_send_request(request.form, desk.config), None
    if opt_outs.holds(desk, wanted.to_number, wanted.from_number):
        raise TwilioError(21610)
    if desk.weather["queue_full"]:
        raise TwilioError(21611)
    message = carrier.accept(desk, wanted, code)
    failures.fail_after(trouble)
    return message.as_twilio(account_sid), 201


@bp.get(MESSAGES)
def page(account_sid: str) -> ResponseReturnValue:
    """List messages, a page at a time."""
    return page_of(this_desk(), account_sid, request.path, request.args)


@bp.get(MESSAGE)
def fetch(account_sid: str, sid: str) -> ResponseReturnValue:
    """Look a message up."""
    return _found(sid).as_twilio(account_sid)


@bp.post(MESSAGE)
def redact(account_sid: str, sid: str) -> ResponseReturnValue:
    """Empty a message's body for good, once it has left."""
    if request.form.get("Body") == "":
        if _found(sid).status in ("accepted", "queued"):
            raise TwilioError(20009)
        carrier.redact(this_desk(), sid)
    return _found(sid).as_twilio(account_sid)


@bp.get(MEDIA)
def media(account_sid: str, sid: str) -> ResponseReturnValue:
    """List a message's pictures and voice notes: one at the most."""
    message = _found(sid)
    return list_page("media_list", [_media_of(message, account_sid)] if message.media_sid else [])


@bp.get(ONE_MEDIA)
def one_media(account_sid: str, sid: str, media_sid: str) -> ResponseReturnValue:
    """Say where a picture or a voice note lies, or what is known of it."""
    message = _with(sid, media_sid.removesuffix(".json"))
    if media_sid.endswith(".json"):
        return _media_of(message, account_sid)
    return redirect(url_for("storage.file", media_sid=media_sid, _external=True), 307)


@bp.delete(ONE_MEDIA)
def delete_media(account_sid: str, sid: str, media_sid: str) -> ResponseReturnValue:
    """Delete a picture or a voice note for good."""
    carrier.delete_media(this_desk(), _with(sid, media_sid.removesuffix(".json")).sid)
    return "", 204


@storage_bp.get("/storage/<media_sid>")
def file(media_sid: str) -> ResponseReturnValue:
    """Give a file, or the part of it that is asked for, to whoever has its address.

    As a storage does that knows signed addresses, it refuses who signs in beside that.
    """
    if request.authorization:
        abort(400)
    message = inbox.find_media(this_desk(), media_sid)
    if message is None:
        abort(404)
    sample = SAMPLES[message.sample or ""]
    return send_file(io.BytesIO(sample.read()), mimetype=sample.content_type, conditional=True)


@bp.route(f"/{API_VERSION}/<path:rest>", methods=["GET", "POST", "DELETE"])
def not_learnt(rest: str) -> ResponseReturnValue:
    """Answer for all that the sandbox has not learnt."""
    raise nothing_here()


def _with(sid: str, media_sid: str) -> Message:
    message = _found(sid)
    if message.media_sid != media_sid:
        raise nothing_here()
    return message


def _found(sid: str) -> Message:
    message = inbox.find(this_desk(), sid)
    # Verify's messages are not the account's: Twilio sends them from its own.
    if message is None or message.is_code:
        raise nothing_here()
    return message


def _media_of(message: Message, account_sid: str) -> dict[str, object]:
    made = rfc2822(message.created_at)
    return {
        "sid": message.media_sid,
        "account_sid": account_sid,
        "parent_sid": message.sid,
        "content_type": SAMPLES[message.sample or ""].content_type,
        "date_created": made,
        "date_updated": made,
        "uri": f"{media_path(account_sid, message, message.media_sid or '')}.json",
    }
