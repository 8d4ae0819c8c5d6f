"""Any channel goes the whole way of a text: it brings its own wire, and nothing else changes."""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from smsapp import clock
from smsapp.delivery import channels, pausing, reconcile, sender
from smsapp.events.kinds import KINDS
from smsapp.events.order_shipped import ORDER_SHIPPED
from smsapp.extensions import db
from smsapp.models import AttemptState, Channel, Delivery, DeliveryState, Sender
from smsapp.providers import statuses
from smsapp.providers.channel import Callback
from smsapp.providers.messages import Listed, Sent
from smsapp.providers.outcomes import Refused, Unknown
from smsapp.providers.twilio_errors import ErrorClass, ErrorMeaning
from tests.conftest import ALICE, change, run_worker, shipment, sid
from tests.web import signing

BIRD = 4711
AWAY = 4712


@dataclass
class Pigeons:
    """A channel with a sender, words, codes and a will of its own."""

    sender: str = "pigeon:loft"
    per_second: float | None = None
    answers: list = field(default_factory=list)
    flown: list = field(default_factory=list)
    seen: list = field(default_factory=list)
    resting_until: datetime | None = None
    is_configured: bool = True
    has_window: bool = False
    before: int = 0  # messages that others sent
    nests: set | None = None  # whom it finds; None for everybody

    def addresses(self, conn, numbers):
        if self.nests is None:
            return numbers
        return {key: f"nest of {key}" for key in numbers if key in self.nests}

    def not_before(self, conn, phone_keys, now):
        if self.resting_until is None or self.resting_until <= now:
            return {}
        return dict.fromkeys(phone_keys, self.resting_until)

    def prepare(self):
        pass

    def send(self, message):
        self.flown.append(message)
        return (
            self.answers.pop(0)
            if self.answers
            else Sent(sid(self.before + len(self.flown)), "aloft", None)
        )

    def find(self, sid_):
        return next((one for one in self.seen if one.sid == sid_), Refused(404, None, None))

    def find_to(self, e164, since):
        return self.seen

    def read_callback(self, fields):
        return Callback(fields["AccountSid"], fields["MessageSid"], fields["MessageStatus"], 0)

    def state_of(self, status):
        return {"landed": AttemptState.DELIVERED, "lost": AttemptState.UNDELIVERED}.get(
            status, statuses.STATES.get(status)
        )

    def meaning(self, code, http_status=None):
        if code == AWAY:
            return ErrorMeaning(
                ErrorClass.PERMANENT, "They moved.", "Ask.", elsewhere=True, code=code
            )
        holds = code == BIRD
        kind = ErrorClass.CONFIGURATION if holds else ErrorClass.PERMANENT
        cause, step = "The loft is shut.", "Open the loft."
        return ErrorMeaning(kind, cause, step, holds_sender=holds, code=code)


@pytest.fixture
def pigeons(monkeypatch):
    """Orders are told by pigeon, with the texts' channel beside it."""
    loft = Pigeons()
    monkeypatch.setitem(channels.CHANNELS, Channel.EMAIL, loft)
    kind = dataclasses.replace(ORDER_SHIPPED, route=(Channel.EMAIL,))
    monkeypatch.setitem(KINDS, "order_shipped", kind)
    return loft


@pytest.fixture
def ships(shop, pigeons, twilio):
    """Tell of a shipment at the kinds' own address."""

    def post(event_id="order-1001-shipped", **headers):
        body = shipment(event_id, trackingUrl=None)
        path, headers = "/api/events/order_shipped", shop.headers | headers
        return shop.client.post(path, json=body, headers=headers)

    yield post
    assert twilio.calls == []  # whatever happened, no text left


def receipt(app, attempt, status):
    fields = signing.receipt(MessageSid=attempt.sid, MessageStatus=status)
    return signing.post(app.test_client(), fields, f"attempt={attempt.id}")


def test_it_is_accepted_sent_received_and_shown(app, shop, ships, pigeons, rows, operator):
    answer = ships()
    assert (answer.status_code, answer.json["sid"]) == (202, sid(1))
    (message,) = pigeons.flown
    assert (message.to, message.body) == (ALICE, "Your order 1001 has shipped.")
    (attempt,) = rows.attempts
    assert str(attempt.id) in message.callback
    assert (rows.delivery.channel, attempt.channel) == ("email", "email")
    assert receipt(app, attempt, "landed").status_code == 204
    assert rows.delivery.state == "delivered"
    told = shop.get(f"/api/messages/{attempt.sid}").json
    assert (told["channel"], told["attempts"][0]["channel"]) == ("email", "email")
    page = operator.sees(f"/console/deliveries/{rows.delivery.id}").text
    assert "E-mail" in page
    assert "landed" in page
    assert ships().json["duplicate"] is True
    assert len(pigeons.flown) == 1


def test_a_worker_claims_and_sends_what_waits(app, ships, pigeons, rows):
    assert ships(Prefer="respond-async").json["status"] == "pending"
    assert run_worker(app) == 1
    assert rows.delivery.state == "sent"
    assert rows.attempts[0].source == "worker"


def test_whom_it_may_not_write_to_now_waits_for_when_it_may(app, ships, pigeons, rows):
    pigeons.resting_until = clock.now() + timedelta(hours=1)
    assert ships().json["status"] == "pending"
    assert abs(rows.delivery.due_at - pigeons.resting_until) < timedelta(seconds=1)
    change(app, Delivery, due_at=clock.now())
    assert run_worker(app) == 0  # asked again when it is claimed
    pigeons.resting_until = None
    change(app, Delivery, due_at=clock.now())
    assert run_worker(app) == 1


def test_its_own_codes_hold_its_own_sender_and_texts_go_on(app, shop, ships, pigeons, rows):
    pigeons.answers.append(Refused(400, BIRD, None))
    assert ships().json["status"] == "pending"
    assert rows.one(Sender).name == pigeons.sender
    with app.app_context(), db.engine.connect() as conn:
        text = sender.read_state(conn, channels.sender_of(Channel.SMS).name)
        assert sender.read_state(conn, pigeons.sender).is_held
        assert not text.is_held


def test_what_is_unknown_is_looked_for_on_its_own_channel(app, ships, pigeons, rows):
    pigeons.answers.append(Unknown("timeout", None, None))
    ships()
    assert rows.delivery.state == "unknown"
    words = pigeons.flown[0].body
    now = datetime.now(UTC)
    pigeons.seen = [Listed(sid(9), words, True, "landed", 0, now)]
    with app.app_context():
        with db.engine.begin() as conn:
            conn.execute(update(Delivery).values(check_at=Delivery.created_at))
        assert reconcile.run()
    assert rows.delivery.state == DeliveryState.DELIVERED
    assert rows.attempts[0].sid == sid(9)
    assert len(pigeons.flown) == 1


def test_after_a_restore_it_is_looked_for_on_its_own_channel(app, ships, pigeons, rows):
    """Its stand-in for the lost attempt is no text's: there it would seem absent, and go again."""
    ships(Prefer="respond-async")
    with app.app_context():
        assert pausing.restored(timedelta(hours=1)) == 1
    assert [attempt.channel for attempt in rows.attempts] == ["email"]
