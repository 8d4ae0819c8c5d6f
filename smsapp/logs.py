"""JSON logs, one line per step, that cannot hold a phone, a body, a code or a token.

A record may carry only the fields named here; its text is constant. What other libraries write
is scrubbed, and of an exception only its type and where it was raised are kept: the text of a
database error holds the row, and that of a provider's error a number.
"""

import errno
import hmac
import json
import logging
import os
import re
import sys
import threading
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import gevent
from redis.exceptions import RedisError

# What a line may say beside its text. Keys of phones may stand in logs, numbers never.
FIELDS = """
    api_key operator delivery event_id kind channel to country phone_key prefix attempt message_sid
    call_sid recording_sid twilio_code trouble error_class status state effect reason answer source
    suppressed count seconds sender per_second worker job alarm incident subject method route
    http_status ms error scopes address batch endpoint webhook
""".split()  # noqa: SIM905  a word a line would fill a page

# A number as people and programs write it: "+1 555 867 5310", "%2B15558675310", "(555) 867-5310",
# "0044 20 7946 0958": seven digits or more with at most two separators between any two.
_NUMBER = re.compile(
    r"(?:\+|%2B)?\(?\d(?:(?:%20|%28|%29|%2D|%2B|[\s()./_+\-\u2010-\u2015]){0,2}\d){6,}",
    re.IGNORECASE,
)
# Times, and identifiers of ours and Twilio's, which hold long runs of digits and are safe.
_SAFE = re.compile(
    r"\b(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?(?![\d-])"
    r"|(?<=\w:)\d{2,5}(?= \()"  # a port, before gunicorn's process id
    r"|\b[A-Z]{2}[0-9a-f]{32}\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\b[0-9a-f]{64}\b"
)
# What follows it in gunicorn's own messages is the caller's: a path, a header, a method.
_GUNICORN_QUOTES = re.compile(
    r"(Error handling request|Invalid request from ip=\S+ [\w ]+).*", re.S
)
# How an event id may begin, such as "order-", and how much of that is logged.
_FIRST_WORDS = re.compile(r"(?:[a-z]+[-_.:])+")
MAX_WORDS_CHARACTERS = 12
# The same as somebody pastes it.
LOGGED_EVENT_ID = re.compile(r"(?<![\w.:~-])[a-z._:-]{0,12}~[0-9a-f]{12}(?![0-9a-z])")
_OURS = "smsapp"

# Until set_up is told the installation's, nobody can find an event again by what is logged of it.
_keys = {"event_id": os.urandom(32)}

# Set anew at the start of each request; every line written on its behalf carries it.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


def scrub(text: str) -> str:
    """Return a text of somebody else's with everything blotted out that may be a number."""
    kept: list[str] = []
    end = 0
    for safe in _SAFE.finditer(text):
        kept += [_NUMBER.sub("[number]", text[end : safe.start()]), safe.group()]
        end = safe.end()
    return "".join([*kept, _NUMBER.sub("[number]", text[end:])])


def logged_event_id(event_id: str) -> str:
    """Return what stands in logs for an event id: "order-~3f0c94d1a2b7".

    An event id is its caller's word for the event, and a careless caller's holds a number: in
    full-width digits, base64, hex, percent-encoded, or that of somebody else. So of its text only
    the first words stay, each with the "-" or the like that ends it. The rest is a keyed hash, like
    a phone key: without the key nobody can try all numbers.
    """
    mark = hmac.digest(_keys["event_id"], event_id.encode(errors="surrogatepass"), "sha256")
    words = _FIRST_WORDS.match(event_id, 0, MAX_WORDS_CHARACTERS)
    return f"{words.group() if words else ''}~{mark.hex()[:12]}"


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; `message` of our own records is their constant text."""
        ours = record.name.partition(".")[0] == _OURS
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": str(record.msg) if ours else _foreign(record),
        }
        if request := request_id.get():
            line["request_id"] = request
        said = record.__dict__
        line |= {name: said[name] for name in FIELDS if said.get(name) is not None}
        if "event_id" in line:
            line["event_id"] = logged_event_id(line["event_id"])
        if record.exc_info and record.exc_info[0]:
            line["exception"] = _where(record.exc_info[1])
        return json.dumps(line, default=str, separators=(",", ":"))


def _foreign(record: logging.LogRecord) -> str:
    """Return the text of somebody else's record, without what a caller may have put there."""
    text = record.getMessage()
    if record.name.startswith("gunicorn"):
        text = _GUNICORN_QUOTES.sub(r"\1", text)
    return scrub(text)


def _where(error: BaseException | None) -> list[str]:
    """Return an exception's type and place, and those of what caused it; never its text."""
    if error is None:
        return []
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    # Of the system's errors the code too, such as EMFILE, which is nobody's secret.
    code = errno.errorcode.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    name = f"{type(error).__module__}.{type(error).__qualname__} {code}".rstrip()
    return [*_where(cause), name, *places]


def catch_crashes() -> None:
    """Log what ends a program or a thread as any other exception: Python would print its text."""
    log = logging.getLogger(_OURS)

    def crashed(kind: type[BaseException], error: BaseException | None, place: Any) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            log.critical("crashed", exc_info=(kind, error or kind(), place))

    def failed(kind: type[BaseException], error: BaseException | None, place: Any) -> None:
        log.error("failed beside a request", exc_info=(kind, error or kind(), place))

    sys.excepthook = crashed
    threading.excepthook = lambda args: crashed(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: failed(args.exc_type, args.exc_value, args.exc_traceback)
    # gevent prints what no greenlet catches, such as that no connection can be taken for want of
    # file handles.
    gevent.get_hub().print_exception = lambda _where, *error: failed(*error)


class OncePerOutage(logging.Filter):
    """Lets Flask-Limiter say once that its store is away, and once that it is back.

    Every request that is in flight just then says so, with an exception once the first has; the
    rest of what it says names callers.
    """

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._is_away = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record."""
        with self._guard:
            was_away = self._is_away
            if "storage unreachable" in str(record.msg):
                self._is_away = True
                return not was_away
            if "storage recovered" in str(record.msg):
                self._is_away = False
                return was_away
        error = record.exc_info and record.exc_info[1]
        return record.levelno >= logging.WARNING and not isinstance(error, RedisError)


_once_per_outage = OncePerOutage()


def set_up(event_id_key: bytes) -> None:
    """Send every logger's records to standard error as JSON lines.

    Args:
        event_id_key: What stands for event ids is made with it.
    """
    _keys["event_id"] = event_id_key
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # They write whole requests, with the number in the query, a visitor's address, or a mail's.
    for name in ("twilio", "twilio.http_client", "urllib3", "requests", "werkzeug", "mail.log"):
        logging.getLogger(name).setLevel(logging.WARNING)
    limiter = logging.getLogger("flask-limiter")
    limiter.setLevel(logging.INFO)
    limiter.addFilter(_once_per_outage)
    # It tells how it is set up each time somebody asks /readyz.
    logging.getLogger("alembic").setLevel(logging.WARNING)
