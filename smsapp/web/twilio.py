"""What Twilio posts: signed, form-encoded, late, twice and out of order."""

import re
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from twilio.twiml.messaging_response import MessagingResponse

from smsapp import metrics
from smsapp.delivery import receipts
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.receipt_rows import IncomingReceipt
from smsapp.errors import InvalidCallback
from smsapp.extensions import csrf, limiter
from smsapp.inbound import messages
from smsapp.inbound.messages import Text
from smsapp.models import Channel
from smsapp.providers.media import Media
from smsapp.web import guards

bp = Blueprint("webhooks", __name__, url_prefix="/twilio")
csrf.exempt(bp)  # the signature is stronger than a CSRF token
# Nothing here is limited; to find that out each time took a tenth of a receipt.
limiter.request_filter(lambda: request.blueprint == bp.name)

# What one MMS may have; WhatsApp has one.
MAX_MEDIA = 10

_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
_MEDIA = re.compile(r"/Messages/((?:SM|MM)[0-9a-f]{32})/Media/(ME[0-9a-f]{32})$")


@bp.post("/status-callback")
@guards.twilio_signed
def status_callback() -> ResponseReturnValue:
    """Take a receipt."""
    said = CHANNELS[Channel.SMS].read_callback(request.form)  # one form for all that Twilio sends
    if said is None:
        metrics.count(metrics.REFUSED, "fields")
        raise InvalidCallback
    g.log_fields = {"message_sid": said.sid, "status": said.status}
    reported = IncomingReceipt(
        request.args.get("attempt", type=uuid.UUID),  # from our own URL; else the SID finds it
        said.sid,
        said.status,
        said.code,
        account_sid=said.account,
    )
    g.log_fields = receipts.log_fields(reported, receipts.handle(reported))
    return Response(status=204)


@bp.post("/inbound")
@guards.twilio_signed
def inbound() -> ResponseReturnValue:
    """Take a text that somebody sent us; answer with nothing, for Twilio has replied already."""
    fields = request.form
    sid = fields.get("MessageSid", "")
    if not _SID.fullmatch(sid) or "From" not in fields:
        metrics.count(metrics.REFUSED, "fields")
        raise InvalidCallback
    messages.receive(
        Text(
            sid=sid,
            address=fields["From"],
            body=_in_words(fields),
            opt_out_type=fields.get("OptOutType"),
            account_sid=fields.get("AccountSid", ""),
            pressed=fields.get("ButtonPayload"),
            media=tuple(filter(None, _media(fields, sid))),
        )
    )
    return _nothing_to_say()


def _in_words(fields: Mapping[str, str]) -> str:
    """Return a message as support reads it: what is no text of it, too."""
    lines = [fields.get("Body", "")]
    if "Latitude" in fields and "Longitude" in fields:
        where = (fields.get(name) for name in ("Latitude", "Longitude", "Label", "Address"))
        lines.append(f"[Location: {', '.join(filter(None, where))}]")
    # A file that nobody can fetch; the others are listed.
    lost = [
        fields.get(f"MediaContentType{n}", "a file")
        for n, each in enumerate(_media(fields, fields["MessageSid"]))
        if each is None
    ]
    lines += [f"[Attached: {', '.join(lost)}]"] if lost else []
    return "\n".join(filter(None, lines))


def _media(fields: Mapping[str, str], sid: str) -> list[Media | None]:
    """Return the files of a message; None for one whose address is not Twilio's for its own."""
    number = fields.get("NumMedia", "0")
    found: list[Media | None] = []
    for n in range(min(int(number), MAX_MEDIA) if number.isdecimal() else 0):
        address = _MEDIA.search(urlsplit(fields.get(f"MediaUrl{n}", "")).path)
        kind = fields.get(f"MediaContentType{n}", "")
        found.append(Media(address[2], kind) if address and address[1] == sid else None)
    return found


def _nothing_to_say() -> ResponseReturnValue:
    """Return empty TwiML. A plain text would be sent to the customer."""
    return str(MessagingResponse()), {"Content-Type": "text/xml; charset=utf-8"}
