"""The links in pages: signed, good for a day, each for one page alone.

Signed under a key of PHONE_KEY's, as the links in mails are. Opening one shows a button; the button
acts. So what looks at every link of a text acknowledges nothing.
"""

import hashlib
from datetime import timedelta

from itsdangerous import BadData, TimestampSigner

from smsapp.extensions import settings

PATH = "/incidents"
GOOD_FOR = timedelta(days=1)


def url(page_id: int) -> str:
    """Return where whoever was sent a page says that they have it."""
    return f"{settings().public_base_url}{PATH}/{_signer().sign(str(page_id)).decode()}"


def read(token: str) -> int | None:
    """Return the page of a token of ours that is still good; None for any other text."""
    try:
        page_id = _signer().unsign(token, max_age=int(GOOD_FOR.total_seconds()))
    except BadData:
        return None
    return int(page_id)


def _signer() -> TimestampSigner:
    return TimestampSigner(settings().page_key, salt="page", digest_method=hashlib.sha256)
