"""What the links in our mails hold: signed texts that name a number by its key, and no address.

They are signed with a key of PHONE_KEY's, for SECRET_KEY may be changed at any time, and the link
out of an old mail has to work.
"""

import hashlib
import hmac
from datetime import timedelta

from itsdangerous import BadData, Signer, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from smsapp.extensions import settings

UNSUBSCRIBE_PATH, CONFIRM_PATH = "/mail/unsubscribe", "/mail/confirm"
GOOD_FOR = timedelta(days=2)


def unsubscribe_url(phone_key: str) -> str:
    """Return where whoever has the number says that they want no more e-mails; good for ever."""
    token = _unsubscribing().sign(base64_encode(bytes.fromhex(phone_key))).decode()
    return f"{settings().public_base_url}{UNSUBSCRIBE_PATH}/{token}"


def read_unsubscribe(token: str) -> str | None:
    """Return the phone key in a token of ours; None for any other text."""
    try:
        return base64_decode(_unsubscribing().unsign(token)).hex()
    except BadData:
        return None


def confirm_url(phone_key: str, address: str, language: str) -> str:
    """Return where somebody confirms their address, for GOOD_FOR.

    Args:
        phone_key: Whose it is.
        address: The address, of which the link has a keyed hash alone.
        language: The code of that in which they saw what they agree to.
    """
    token = _confirming().dumps([phone_key, mark(address), language])
    return f"{settings().public_base_url}{CONFIRM_PATH}/{token}"


def read_confirm(token: str) -> tuple[str, str, str] | None:
    """Return phone key, mark of the address and language of a token that is still good."""
    try:
        phone_key, marked, language = _confirming().loads(
            token, max_age=int(GOOD_FOR.total_seconds())
        )
    except BadData:
        return None
    return phone_key, marked, language


def mark(address: str) -> str:
    """Return a keyed hash of an address."""
    return hmac.digest(settings().mail_key, address.encode(), "sha256").hex()[:32]


def _unsubscribing() -> Signer:
    return Signer(settings().mail_key, salt="unsubscribe", digest_method=hashlib.sha256)


def _confirming() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings().mail_key, salt="confirm")
