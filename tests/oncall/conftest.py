"""Ann and Bob are on call, week about; Carl only where a step names him. Alice is a customer."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, update

from smsapp.extensions import database_now, db
from smsapp.models import (
    ConsentAction,
    ConsentSource,
    Delivery,
    Handover,
    Incident,
    IncidentPage,
    OnCallPerson,
)
from smsapp.oncall import escalation, people
from smsapp.recipients import customers, phones
from smsapp.recipients.customers import Visitor
from smsapp.recipients.purposes import ON_CALL
from tests.conftest import make_earlier, run_worker, settings_of, sid, text_in

ANN, BEN, CARL = "+12025550111", "+12025550122", "+12025550133"
NUMBERS = {"Ann": ANN, "Ben": BEN, "Carl": CARL}
POLICY = str(Path(__file__).parents[1] / "escalation.toml")
MINUTE = timedelta(minutes=1)


def put_in(app, name, e164):
    """Put somebody in who has entered their code."""
    with app.app_context():
        person_id = people.add(name, e164)
        person = people.numbered(person_id)
        with db.engine.begin() as conn:
            phones.lock(conn, [person.phone_key])
            now = database_now(conn)
            customers.record(
                conn,
                Visitor(person.phone_key, None),
                [ON_CALL],
                ConsentAction.GRANTED,
                ConsentSource.OPERATOR,
                now,
            )
            of = OnCallPerson.id == person_id
            conn.execute(update(OnCallPerson).where(of).values(verified_at=now))
    return person_id


@pytest.fixture
def crew(app):
    """Ann is on call, whatever the time; Ben follows her in a week that does not come."""
    with settings_of(app, ONCALL_POLICY=POLICY):
        ids = {name: put_in(app, name, e164) for name, e164 in NUMBERS.items()}
        with app.app_context(), db.engine.begin() as conn:
            now = database_now(conn)
            tomorrow = (now + timedelta(days=2)).weekday()
            yesterday = (now - timedelta(days=2)).weekday()
            for weekday, name in ((yesterday, "Ann"), (tomorrow, "Ben")):
                row = {"week": 1, "weekday": weekday, "minute": 0, "person_id": ids[name]}
                conn.execute(insert(Handover).values(row))
        yield SimpleNamespace(**{name.lower(): id_ for name, id_ in ids.items()})


@pytest.fixture
def opens(shop):
    """Tell of an incident."""

    def post(key="db", event_id=None, **changes):
        post.count += 1
        body = {
            "eventId": event_id or f"event-{post.count}",
            "incidentKey": key,
            "title": f"{key} is down",
            "severity": "critical",
        }
        return shop.post("/api/events/incident_opened", json=body | changes)

    post.count = 0
    return post


@pytest.fixture
def resolves(shop):
    """Tell that an incident is over."""

    def post(key="db", event_id=None):
        body = {"eventId": event_id or f"over-of-{key}", "incidentKey": key}
        return shop.post("/api/events/incident_resolved", json=body)

    return post


@pytest.fixture
def works(app, twilio):
    """Let a worker do all that is due; return whom it told what."""

    def work():
        before = len(twilio.calls)
        with app.app_context():
            escalation.tick()
        run_worker(app)
        return told(twilio, before)

    return work


def told(twilio, since=0):
    """Return (name, words) of what was sent."""
    name = {e164: name for name, e164 in NUMBERS.items()}
    return [(name.get(call["to"], call["to"]), call["body"]) for call in twilio.calls[since:]]


@pytest.fixture
def passes(app):
    """Let time pass: what is due in so long is due."""

    def pass_(by):
        earlier(app, Incident, by, "step_due_at", "news_due_at", "stepped_at", "opened_at")
        earlier(app, Incident, by, "acknowledged_at", "resolved_at")
        earlier(app, IncidentPage, by, "paged_at")
        earlier(app, OnCallPerson, by, "bundle_at", "bundled_at", "news_at")
        earlier(app, Delivery, by, "due_at", "expires_at", "state_at", "created_at")

    return pass_


def earlier(app, model, by, *names):
    with app.app_context(), db.engine.begin() as conn:
        make_earlier(conn, model, by, *names)


@pytest.fixture
def replies(app, twilio):
    """Let somebody text a word; return what they are answered."""

    def reply(e164, word):
        reply.count += 1
        before = len(twilio.calls)
        text_in(app, sid(90_000 + reply.count), e164, word)
        run_worker(app)
        return [words for _, words in told(twilio, before)]

    reply.count = 0
    return reply
