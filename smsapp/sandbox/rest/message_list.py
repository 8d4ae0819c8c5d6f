"""Pages of messages, as Twilio's list has them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from smsapp.sandbox.errors import TwilioError
from smsapp.sandbox.inbox import Filter, Inbox
from smsapp.sandbox.message import OF_VERIFY, Message

PAGE_SIZE, MAX_PAGE_SIZE = 50, 1000
FILTERS = ("To", "From", "DateSent", "DateSent<", "DateSent>")


def page_of(
    inbox: Inbox, account_sid: str, path: str, args: Mapping[str, str]
) -> dict[str, object]:
    """Return one page, newest first, with the addresses of its neighbours."""
    size = min(max(_whole(args, "PageSize", PAGE_SIZE), 1), MAX_PAGE_SIZE)
    number = _whole(args, "Page", 0)
    chosen = _filter(args)
    messages, more = _read(inbox, chosen, size, number, args.get("PageToken", ""))
    kept = [(name, args[name]) for name in FILTERS if args.get(name)] + [("PageSize", str(size))]

    def uri(page: int, token: str = "") -> str:
        where = [*kept, ("Page", str(page))] + ([("PageToken", token)] if token else [])
        return f"{path}?{urlencode(where)}"

    start = number * size
    return {
        "messages": [message.as_twilio(account_sid) for message in messages],
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1, "PA" + messages[-1].sid) if more else None,
        "previous_page_uri": (
            uri(number - 1, "PB" + messages[0].sid) if number > 0 and messages else None
        ),
        "uri": uri(number, args.get("PageToken", "")),
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + max(len(messages) - 1, 0),
    }


def _read(
    inbox: Inbox, chosen: Filter, size: int, number: int, token: str
) -> tuple[list[Message], bool]:
    """Return a page's messages and whether there are older ones.

    A token names a neighbour ("PA" and the SID of the message before, "PB" of the one after),
    so that a message accepted between two pages neither repeats nor hides one.
    """
    neighbour = inbox.find(token[2:]) if token[:2] in ("PA", "PB") else None
    if token and neighbour is None:
        raise TwilioError(20006, "Page number out of range")
    if neighbour and token.startswith("PB"):
        return inbox.after(size, chosen, neighbour.seq), True
    if neighbour:
        chosen = chosen.and_("seq < ?", neighbour.seq)
    found = inbox.newest(size + 1, chosen, 0 if neighbour else number * size)
    return found[:size], len(found) > size


def _filter(args: Mapping[str, str]) -> Filter:
    """Return the list's filters; a message that has not left has no DateSent and matches none."""
    chosen = Filter().and_("direction NOT IN (?, ?)", *OF_VERIFY)
    if args.get("To"):
        chosen = chosen.and_("to_number = ?", args["To"])
    if args.get("From"):
        chosen = chosen.and_("from_number = ?", args["From"])
    if args.get("DateSent"):
        day = _time(args["DateSent"]).replace(hour=0, minute=0, second=0, microsecond=0)
        next_day = day + timedelta(days=1)
        chosen = chosen.and_("sent_at >= ? AND sent_at < ?", day.timestamp(), next_day.timestamp())
    if args.get("DateSent<"):
        chosen = chosen.and_("sent_at <= ?", _time(args["DateSent<"]).timestamp())
    if args.get("DateSent>"):
        chosen = chosen.and_("sent_at >= ?", _time(args["DateSent>"]).timestamp())
    return chosen


def _whole(args: Mapping[str, str], name: str, default: int) -> int:
    text = args.get(name, str(default))
    if not text.isdecimal():
        raise TwilioError(20001, f"{name} must be a whole number")
    return int(text)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise TwilioError(20001, "DateSent must be a date or an ISO 8601 time") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
