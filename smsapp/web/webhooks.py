"""What Twilio posts: signed, form-encoded, late, twice and out of order."""

import logging
import re
import uuid

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from smsapp.delivery import receipts
from smsapp.delivery.receipts import Reported
from smsapp.errors import InvalidCallback
from smsapp.extensions import csrf, settings
from smsapp.metrics import REFUSED
from smsapp.web import guards

bp = Blueprint("webhooks", __name__, url_prefix="/twilio")
csrf.exempt(bp)  # the signature is stronger than a CSRF token
log = logging.getLogger(__name__)

_SID = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
_STATUS = re.compile(r"[a-z_]{1,20}")
_CODE = re.compile(r"[0-9]{1,6}")


@bp.post("/status-callback")
@guards.twilio_signed
def status_callback() -> ResponseReturnValue:
    """Take a receipt."""
    sid = request.form.get("MessageSid", "")
    status = request.form.get("MessageStatus", "").lower()
    code = request.form.get("ErrorCode") or "0"
    if not (_SID.fullmatch(sid) and _STATUS.fullmatch(status) and _CODE.fullmatch(code)):
        REFUSED.labels("fields").inc()
        raise InvalidCallback
    if request.form.get("AccountSid") != settings().twilio_account_sid:
        log.warning("receipt of another account", extra={"message_sid": sid, "status": status})
        return "", 204
    receipts.take(Reported(_attempt_id(request.args.get("attempt")), sid, status, int(code)))
    return "", 204


def _attempt_id(text: str | None) -> uuid.UUID | None:
    """Return the attempt that our own URL named; None leaves the SID to find it."""
    try:
        return uuid.UUID(text)
    except (TypeError, ValueError):
        return None
