"""Who is on call is called, at any hour, and takes an incident with a key."""

from datetime import timedelta

from smsapp.models import Attempt, Channel, Incident
from smsapp.providers.messages import Sent
from tests.conftest import settings_of
from tests.oncall.conftest import (  # noqa: F401  fixtures
    ANN,
    POLICY,
    crew,
    opens,
    passes,
    works,
)
from tests.voice.conftest import VOICE, call_sid, fields, verbs, words
from tests.voice.test_outgoing import phone  # noqa: F401  fixture

# ruff: noqa: F811  fixtures are imported and then asked for


def test_a_step_by_call_rings_and_1_takes_it(app, line, phone, opens, works, passes, rows, crew):
    more = {"ONCALL_POLICY": POLICY, "TWILIO_VOICE_FROM": VOICE, "CALLS_PER_SECOND": "10000"}
    with settings_of(app, QUIET_HOURS="00:00-23:59", **more):
        opens()
        works()
        passes(timedelta(minutes=6))
        phone.answers = [Sent(call_sid(2), "queued", None)]
        assert works() == []
        (wanted,) = phone.started
        assert wanted["To"] == ANN
        assert "MachineDetection" not in wanted
        attempt = next(row for row in rows.all(Attempt) if row.channel is Channel.CALL)
        at = f"attempt={attempt.id}"
        asked = line.asks(f"/twilio/voice/delivery?{at}", fields("outgoing_call_answered"))
        assert verbs(asked) == ["Gather", "Gather", "Say", "Hangup"]
        assert words(asked)[0] == "Still open: CRITICAL: db is down. Press 1 to take it."
        pressed = fields("gather_digits", CallSid=call_sid(2)) | {"Digits": "1"}
        first, again = (words(line.asks(f"/twilio/voice/key?{at}", pressed)) for _ in range(2))
        assert first == again == ["You have it: db is down.", "Goodbye."]
        row = rows.one(Incident)
        assert (row.acknowledged_by, row.acknowledged_via) == ("Ann", "call")
        passes(timedelta(hours=1))
        assert works() == []
