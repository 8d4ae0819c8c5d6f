"""Pages of messages, as Twilio's list has them: newest first, those to one number or all."""

from collections.abc import Mapping
from urllib.parse import urlencode

from smsapp.sandbox import inbox
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.errors import TwilioError

PAGE_SIZE, MAX_PAGE_SIZE = 50, 1000


def page_of(desk: Desk, account_sid: str, path: str, args: Mapping[str, str]) -> dict[str, object]:
    """Return one page with the address of the next.

    That names the last message of this one ("PA" and its SID), so that a message accepted
    between two pages neither repeats nor hides one. Nothing leads back.
    """
    size = min(max(_whole(args, "PageSize", PAGE_SIZE), 1), MAX_PAGE_SIZE)
    number = _whole(args, "Page", 0)
    to, token = args.get("To"), args.get("PageToken", "")
    before = inbox.find(desk, token.removeprefix("PA")) if token else None
    if token and before is None:
        raise TwilioError(20006)
    found = inbox.listed(desk, size + 1, to, before)
    messages, more = found[:size], len(found) > size
    kept = ([("To", to)] if to else []) + [("PageSize", str(size))]

    def uri(page: int, token: str = "") -> str:
        where = [*kept, ("Page", str(page))] + ([("PageToken", token)] if token else [])
        return f"{path}?{urlencode(where)}"

    start = number * size
    return {
        "messages": [message.as_twilio(account_sid) for message in messages],
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, "PA" + messages[-1].sid) if more else None,
        "previous_page_uri": None,
        "uri": uri(number, token),
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + max(len(messages) - 1, 0),
    }


def _whole(args: Mapping[str, str], name: str, default: int) -> int:
    text = args.get(name, str(default))
    if not text.isdecimal():
        raise TwilioError(20001, name=name)
    return int(text)
