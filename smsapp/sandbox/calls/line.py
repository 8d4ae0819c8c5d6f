"""The line: a call from the first ring to its end, by what the app's TwiML says and people do.

The line is patient: what Twilio waits seconds for, somebody at the page does in their own time,
silence too.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urljoin

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from smsapp import clock
from smsapp.sandbox.calls import posting, recordings
from smsapp.sandbox.calls.call import Call, hear
from smsapp.sandbox.calls.posting import NoAnswer
from smsapp.sandbox.calls.twiml import Verb
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import new_sid

# Redirects without anybody doing anything, as Twilio follows them.
MAX_REDIRECTS = 10
SIP = {"busy": 486, "no-answer": 487, "failed": 404, "canceled": 487}


class NotNow(Exception):
    """That cannot be done in the call as it stands."""


def place(desk: Desk, call: Call, *, rings_for: float) -> Call:
    """Let a call of the app's ring, for so many seconds; the weather may end it."""
    outcome = _weather_of(desk)
    with desk.database.write() as db:
        db.add(call)
        posting.tell(desk, db, call, "initiated")
        call.status = "ringing"
        posting.tell(desk, db, call)
        if desk.config.pace:
            call.rings_until = call.created_at + rings_for * desk.config.pace
        if outcome:
            _finish(desk, db, call, outcome)
    desk.changed()
    return call


def _weather_of(desk: Desk) -> str | None:
    names = {"calls_busy": "busy", "calls_unanswered": "no-answer", "calls_failed": "failed"}
    return next((status for name, status in names.items() if desk.weather.strikes(name)), None)


def ring_in(desk: Desk, call: Call) -> Call:
    """Let somebody's call to the shop begin; the app is asked what they hear."""
    with desk.database.write() as db:
        db.add(call)
    _go_on(desk, call.sid, [{"verb": "Redirect", "text": call.url, "nested": []}], call.url)
    return call


def answer(desk: Desk, sid: str, by: str = "human") -> None:
    """Pick up: a person, or an answering machine ("machine_end_beep").

    Raises:
        NotNow: It does not ring.
    """
    with _call(desk, sid, lambda call: call.rings) as (db, call):
        call.status, call.started_at = "in-progress", clock.now().timestamp()
        call.rings_until = None
        call.answered_by = by if call.detects_machines else None
        hear(db, call, "line", "Picked up." if by == "human" else "An answering machine took it.")
        posting.tell(desk, db, call)
    _go_on(desk, sid, [{"verb": "Redirect", "text": call.url, "nested": []}], call.url)
    if by != "human":
        # It records whatever it hears, and presses nothing.
        with _call(desk, sid, lambda _call: True) as (db, call):
            if not call.is_over:
                _finish(desk, db, call, "completed")


def end(desk: Desk, sid: str, status: str = "completed") -> None:
    """End a call: hung up, or, while it rings, "busy", "no-answer", "failed" or "canceled".

    Raises:
        NotNow: It is over, or does not ring any more.
    """

    def may(call: Call) -> bool:
        return not call.is_over and (call.rings == (status in SIP) or call.direction == "inbound")

    with _call(desk, sid, may) as (db, call):
        hear(db, call, "line", "Hung up." if status == "completed" else f"It ended: {status}.")
        wants = call.wants
        _finish(desk, db, call, status)
    if wants and wants["verb"] == "Record":  # asked all the same, for what was said until then
        _leave(desk, call, wants, "", "hangup")


def leave(desk: Desk, sid: str, words: str) -> None:
    """Say something after the tone and hang up, as most people do.

    Raises:
        NotNow: It records nothing.
    """
    with _call(desk, sid, lambda call: (call.wants or {}).get("verb") == "Record") as (db, call):
        wants = dict(call.wants or {})
        hear(db, call, "customer", words)
        hear(db, call, "line", "Hung up.")
        _finish(desk, db, call, "completed")
    _leave(desk, call, wants, words, "hangup")


def act(desk: Desk, sid: str, keys: str = "", speech: str = "") -> None:
    """Press keys, or speak, or be silent where both are empty, as the line waits for either.

    Raises:
        NotNow: It waits for neither.
    """
    with _call(desk, sid, lambda call: bool(call.wants)) as (db, call):
        wants = dict(call.wants or {})
        if wants["verb"] not in ("Gather", "Record"):
            raise NotNow
        if keys or speech:
            hear(db, call, "customer", f"Pressed {keys}" if keys else speech)
        call.wants = None
    if wants["verb"] == "Record":
        _leave(desk, call, wants, speech, keys[:1] or "#")
        return
    more = _gathered(wants, keys, speech)
    if more is None:
        _go_on(desk, sid, wants["rest"], wants["document"])
    else:
        _ask(desk, sid, urljoin(wants["document"], wants.get("action", "")), more)


def put_through(desk: Desk, sid: str, outcome: str) -> None:
    """Say what becomes of whom a caller is put through to.

    Args:
        desk: The desk.
        sid: The call's.
        outcome: As DialCallStatus: "completed", "busy", "no-answer" or "failed".

    Raises:
        NotNow: Nobody is being put through.
    """
    with _call(desk, sid, lambda call: (call.wants or {}).get("verb") == "Dial") as (db, call):
        wants = dict(call.wants or {})
        hear(db, call, "line", f"The other phone: {outcome}.")
        call.wants = None
    if not wants.get("action"):
        _go_on(desk, sid, wants["rest"], wants["document"])
        return
    is_through = outcome == "completed"
    more = {
        "DialCallStatus": outcome,
        "DialCallSid": new_sid("CA"),
        "DialBridged": "true" if is_through else "false",
    } | ({"DialCallDuration": "37"} if is_through else {})
    _ask(desk, sid, urljoin(wants["document"], wants["action"]), more)


def ring_out(desk: Desk, now: float) -> None:
    """End what has rung for too long."""
    late = select(Call).where(Call.rings_until <= now)
    with desk.database.write() as db:
        found = db.scalars(late).all()
        for call in found:
            _finish(desk, db, call, "no-answer")
    if found:
        desk.changed()


def next_end(db: Session) -> float | None:
    """Return when the next call has rung for too long; None for none that rings."""
    return db.scalar(select(func.min(Call.rings_until)))


def ringing(desk: Desk) -> int:
    """Return how many phones ring."""
    rings = Call.status.in_(("queued", "ringing")) & (Call.direction == "outbound-api")
    with desk.database.read() as db:
        return db.scalar(select(func.count()).select_from(Call).where(rings)) or 0


def _gathered(wants: Verb, keys: str, speech: str) -> dict[str, str] | None:
    """Return what the app is told that was gathered; None for nothing, which is not told."""
    finish = wants.get("finishOnKey", "#")
    digits = keys.partition(finish[:1])[0] if finish else keys
    if most := wants.get("numDigits"):
        digits = digits[: int(most)]
    if speech and "speech" in wants.get("input", "dtmf"):
        return {"SpeechResult": speech, "Confidence": "0.9127"}
    if not digits and wants.get("actionOnEmptyResult") != "true":
        return None
    ended = finish if finish and finish in keys else ""
    return {"Digits": digits, "FinishedOnKey": ended, "msg": "Gather End"}


def _ask(desk: Desk, sid: str, url: str, more: dict[str, str]) -> None:
    _go_on(desk, sid, [{"verb": "Redirect", "text": url, "nested": []}], url, more)


def _go_on(
    desk: Desk,
    sid: str,
    verbs: list[Verb],
    document: str,
    more: Mapping[str, str] | None = None,
) -> None:
    """Do one verb after the other until the line waits for somebody, or the call is over."""
    for _ in range(MAX_REDIRECTS + 1):
        url = _do(desk, sid, verbs, document)
        if url is None:
            return
        document = url
        with _call(desk, sid, lambda _call: True) as (_db, call):
            pass
        try:
            verbs = posting.ask(desk, call, document, more or {})
        except NoAnswer as fault:
            _fail(desk, sid, str(fault))
            return
        more = None
        with _call(desk, sid, lambda _call: True) as (_db, call):
            if call.status == "ringing" and verbs and verbs[0]["verb"] != "Reject":
                call.status, call.started_at = "in-progress", clock.now().timestamp()
    _fail(desk, sid, "11215 too many redirects")


def _do(desk: Desk, sid: str, verbs: list[Verb], document: str) -> str | None:
    """Do verbs up to one that somebody has to wait for; return where a redirect leads."""
    verbs = list(verbs)
    with _call(desk, sid, lambda _call: True) as (db, call):
        while verbs and verbs[0]["verb"] in ("Say", "Play", "Pause"):
            _utter(db, call, verbs.pop(0))
        verb: Verb = verbs.pop(0) if verbs else {"verb": "Hangup"}
        if call.is_over:
            return None
        if verb["verb"] == "Redirect":
            return str(urljoin(document, verb["text"]))
        if verb["verb"] in ("Hangup", "Reject"):
            rejected = verb["verb"] == "Reject" and call.status == "ringing"
            hear(db, call, "line", "The shop hung up.")
            _finish(desk, db, call, "busy" if rejected else "completed")
            return None
        for nested in verb["nested"]:
            _utter(db, call, nested)
        if verb["verb"] == "Record":
            hear(db, call, "line", "A tone. Speak now.")
        call.wants = verb | {"rest": verbs, "document": document}
    return None


def _fail(desk: Desk, sid: str, why: str) -> None:
    with _call(desk, sid, lambda _call: True) as (db, call):
        if not call.is_over:
            hear(db, call, "line", f"An application error has occurred. Goodbye. ({why})")
            _finish(desk, db, call, "completed")


def _utter(db: Session, call: Call, verb: Verb) -> None:
    if verb["verb"] not in ("Say", "Play"):
        return
    words = verb["text"] if verb["verb"] == "Say" else f"A sound: {verb['text']}"
    hear(db, call, "shop", words, verb.get("language"))


def _leave(desk: Desk, call: Call, wants: Verb, words: str, key: str) -> None:
    """Keep what was said after the tone, and go on; nothing was said, where there are no words."""
    told = recordings.keep(desk, call, wants, words)
    action = urljoin(wants["document"], wants.get("action", ""))
    if key == "hangup":
        with suppress(NoAnswer):  # nobody is there to hear what comes next
            posting.ask(desk, call, action, {**told, "Digits": key})
    elif words:
        _ask(desk, call.sid, action, {**told, "Digits": key})
    else:
        _go_on(desk, call.sid, wants["rest"], wants["document"])


def _finish(desk: Desk, db: Session, call: Call, status: str) -> None:
    call.status, call.ended_at = status, clock.now().timestamp()
    call.rings_until = call.wants = None
    call.sip_code = SIP.get(status)
    posting.tell(desk, db, call)


@contextmanager
def _call(desk: Desk, sid: str, may: Callable[[Call], bool]) -> Iterator[tuple[Session, Call]]:
    """Give one call within the one writing session.

    Raises:
        NotNow: There is none, or it does not stand as it has to.
    """
    with desk.database.write() as db:
        call = db.scalar(select(Call).where(Call.sid == sid))
        if call is None or not may(call):
            raise NotNow
        yield db, call
    desk.changed()
