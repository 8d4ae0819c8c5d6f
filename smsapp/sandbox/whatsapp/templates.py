"""The account's templates: making them, having them approved, and those that are there at once."""

import re
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from smsapp import clock
from smsapp.sandbox.database import Database
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import new_sid
from smsapp.sandbox.whatsapp.content import GAP, STATUSES, Content

CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
MAX_BUTTONS, MAX_TITLE = 10, 20
_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")


class BadTemplate(ValueError):
    """A template that cannot be one; its text says why."""


def add(
    desk: Desk,
    friendly_name: str,
    language: str,
    types: dict[str, dict[str, object]],
    variables: dict[str, str] | None = None,
) -> Content:
    """Make a template that nobody has approved yet.

    Raises:
        BadTemplate: It has no name, no such language, or no words.
    """
    if not friendly_name.strip():
        raise BadTemplate("A template needs a name.")
    if not _LANGUAGE.fullmatch(language):
        raise BadTemplate("The language is a code such as en, de or pt_BR.")
    _check_types(types)
    now = clock.now().timestamp()
    content = Content(
        sid=new_sid("HX"),
        friendly_name=friendly_name.strip(),
        language=language,
        variables=variables or {},
        types=types,
        created_at=now,
        updated_at=now,
    )
    with desk.database.write() as db:
        db.add(content)
    desk.changed()
    return content


def listed(desk: Desk, limit: int = -1, after: int = 0) -> Sequence[Content]:
    """Return the templates in the order in which they were made, those after a `seq`."""
    query = select(Content).where(Content.seq > after).order_by(Content.seq).limit(limit)
    with desk.database.read() as db:
        return db.scalars(query).all()


def find(desk: Desk, sid: str) -> Content | None:
    """Return one template."""
    with desk.database.read() as db:
        return db.scalar(select(Content).where(Content.sid == sid))


def submit(desk: Desk, content: Content, name: str, category: str) -> None:
    """Ask WhatsApp to approve a template; what breaks its rules is rejected at once.

    Raises:
        BadTemplate: No name or category that WhatsApp knows.
    """
    if not _NAME.fullmatch(name):
        raise BadTemplate("WhatsApp’s name has small letters, digits and _ alone.")
    if category not in CATEGORIES:
        raise BadTemplate(f"The category is one of {', '.join(CATEGORIES)}.")
    wrong = bool(faults(content.body))
    _change(
        desk,
        content.sid,
        name=name,
        category=category,
        status="rejected" if wrong else "pending",
        rejection_reason="INVALID_FORMAT" if wrong else "",
    )


def decide(desk: Desk, sid: str, status: str) -> None:
    """Have WhatsApp decide about a template: one of STATUSES.

    Raises:
        BadTemplate: There is no such status.
    """
    if status not in STATUSES:
        raise BadTemplate(f"The status is one of {', '.join(STATUSES)}.")
    reason = "TAG_CONTENT_MISMATCH" if status == "rejected" else ""
    _change(desk, sid, status=status, rejection_reason=reason)


def remove(desk: Desk, sid: str) -> None:
    """Delete a template; one that is there at once comes back with the next start."""
    with desk.database.write() as db:
        db.execute(delete(Content).where(Content.sid == sid))
    desk.changed()


def faults(body: str) -> list[str]:
    """Return why WhatsApp would reject a template's words.

    Source: https://www.twilio.com/docs/whatsapp/tutorial/message-template-approvals-statuses
    """
    words, names = body.strip(), GAP.findall(body)
    found = {
        "A gap is first or last.": words.startswith("{{") or words.endswith("}}"),
        "Two gaps stand side by side.": re.search(r"\}\}\s*\{\{", words),
        "The gaps are not numbered 1, 2, 3.": set(names)
        != {str(n) for n in range(1, len(set(names)) + 1)},
        "It has a link to wa.me.": "wa.me/" in words,
    }
    return [fault for fault, is_so in found.items() if is_so]


def _change(desk: Desk, sid: str, **values: object) -> None:
    values["updated_at"] = clock.now().timestamp()
    with desk.database.write() as db:
        db.execute(update(Content).where(Content.sid == sid).values(values))
    desk.changed()


def _check_types(types: dict[str, dict[str, object]]) -> None:
    known = ("twilio/text", "twilio/quick-reply")
    if not types or not all(name in known for name in types):
        raise BadTemplate(f"The sandbox knows the types {' and '.join(known)}.")
    for fields in types.values():
        if not isinstance(fields, dict) or not str(fields.get("body") or "").strip():
            raise BadTemplate("A template needs words.")
        actions = fields.get("actions") or []
        if not isinstance(actions, list) or len(actions) > MAX_BUTTONS:
            raise BadTemplate(f"A template has at most {MAX_BUTTONS} buttons.")
        for action in actions:
            title = action.get("title") if isinstance(action, dict) else None
            if not title or len(title) > MAX_TITLE or not action.get("id"):
                raise BadTemplate(f"A button has an id and a title of {MAX_TITLE} characters.")


def types_of(body: str, buttons: Sequence[tuple[str, str]] = ()) -> dict[str, dict[str, object]]:
    """Return the types of a template with these words and quick replies, (title, id) each."""
    text: dict[str, dict[str, object]] = {"twilio/text": {"body": body}}
    if not buttons:
        return text
    actions = [{"type": "QUICK_REPLY", "title": title, "id": id_} for title, id_ in buttons]
    return {"twilio/quick-reply": {"body": body, "actions": actions}, **text}


# For kinds of the shop's, with its words. The gaps are the kinds' own fields in their order; a dash
# stands for what an event leaves out. {(name, language): (words, samples, quick replies)}
_READY: dict[tuple[str, str], tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    ("order_shipped", "en"): (
        "Your order {{1}} has shipped.\nTracking: {{2}}\nReply STOP to stop.",
        ("1001", "https://track.example/1001"),
        (),
    ),
    ("order_shipped", "de"): (
        "Ihre Bestellung {{1}} ist unterwegs.\nVerfolgen: {{2}}\nAbbestellen mit STOP.",
        ("1001", "https://track.example/1001"),
        (),
    ),
    ("order_delivered", "en"): (
        "Your order {{1}} has been delivered ({{2}}).",
        ("1001", "front door"),
        (),
    ),
    ("order_delivered", "de"): (
        "Ihre Bestellung {{1}} wurde zugestellt ({{2}}).",
        ("1001", "Haustür"),
        (),
    ),
    ("appointment_reminder", "en"): (
        "You have an appointment: {{1}}, {{2}}. Reply C to confirm.",
        ("Fri, Dec 4, 14:00", "Main Street 1"),
        (("Confirm", "confirm"), ("Stop", "stop")),
    ),
    ("appointment_reminder", "de"): (
        "Sie haben einen Termin: {{1}}, {{2}}. Bestätigen mit C.",
        ("Fr., 4. Dez., 14:00", "Hauptstraße 1"),
        (("Bestätigen", "confirm"), ("Abbestellen", "stop")),
    ),
}


def ready_sid(name: str, language: str) -> str:
    """Return the SID of a template that is there at once, the same on every desk."""
    return f"HX{list(_READY).index((name, language)) + 1:032x}"


def make_ready(database: Database) -> None:
    """Put those templates there, approved, that are there at once; one that exists stays as is."""
    now = clock.now().timestamp()
    rows = [
        {
            "sid": ready_sid(name, language),
            "friendly_name": name,
            "language": language,
            "variables": {str(n): value for n, value in enumerate(samples, start=1)},
            "types": types_of(body, buttons),
            "created_at": now,
            "updated_at": now,
            "name": name,
            "category": "UTILITY",
            "status": "approved",
            "rejection_reason": "",
        }
        for (name, language), (body, samples, buttons) in _READY.items()
    ]
    with database.write() as db:
        db.execute(insert(Content).on_conflict_do_nothing(), rows)
