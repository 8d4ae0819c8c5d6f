"""Voicemail: kept at once, written down later, played through us, and gone in the end."""

import pytest

from smsapp.models import BodyAtTwilio, Call, Delivery, Inbound, Voicemail
from smsapp.providers import recordings
from smsapp.providers.outcomes import Refused, Unknown
from smsapp.retention import at_twilio, bodies
from tests.conftest import ALICE, BOB, KEY, change, erase, on_one_database, settings_of
from tests.voice.conftest import call_sid, fields
from tests.voice.test_incoming import INCOMING, MENU, Twilio

RECORDING = "RE" + "b" * 32
PLACE = "/twilio/voice/recording"


@pytest.fixture
def line(app):
    with settings_of(app, **MENU | {"VOICEMAIL_TO": BOB}):
        yield Twilio(app)


@pytest.fixture
def leaves(line):
    """Have Alice ring and leave a message."""

    def leave():
        line.asks(INCOMING, fields("incoming_call"))
        return line.posts(PLACE, fields("recording_status_completed")).status_code

    return leave


@pytest.fixture
def twilios(monkeypatch):
    """Recordings as Twilio has them; what is asked of it is noted."""
    asked = []

    def answer(what, found):
        def ask(sid):
            asked.append((what, sid))
            return found.get("is") or found.setdefault("default", True)

        return ask

    sounds, deletions = {"is": b"RIFF a tone"}, {"is": True}
    monkeypatch.setattr(recordings, "fetch", answer("fetch", sounds))
    monkeypatch.setattr(recordings, "delete", answer("delete", deletions))
    return {"asked": asked, "sounds": sounds, "deletions": deletions}


def test_a_message_is_in_the_inbox_at_once_and_its_words_later(leaves, line, rows):
    assert (leaves(), leaves()) == (204, 204)  # posted twice
    text = rows.one(Inbound)
    assert (text.sid, text.phone_key, text.channel, text.body) == (RECORDING, KEY, "call", "")
    assert (rows.one(Voicemail).seconds, rows.one(Voicemail).transcript) == (7, "awaited")
    said = fields("transcription_completed")
    assert line.posts("/twilio/voice/transcription", said).status_code == 204
    assert rows.one(Inbound).body == "Please call me back."
    assert rows.one(Voicemail).transcript == "written"


def test_who_looks_after_the_inbox_is_told_once_and_not_by_whom(leaves, rows):
    leaves()
    leaves()
    told = rows.one(Delivery)
    assert (told.kind, told.state, told.channel) == ("voicemail_left", "pending", "sms")
    assert told.body == "Somebody left a voicemail: https://sms.example.com/console/inbox"
    assert ALICE not in told.body


@on_one_database
def test_the_log_names_the_call_and_the_recording_and_nobody(leaves, caplog, capsys):
    with caplog.at_level("INFO", "smsapp"):
        leaves()
    lines = [vars(record) for record in caplog.records if record.message == "request"]
    assert [line["call_sid"] for line in lines] == [call_sid(), call_sid()]
    assert lines[1]["recording_sid"] == RECORDING
    assert ALICE.removeprefix("+") not in capsys.readouterr().err


@on_one_database
def test_its_words_may_come_first_or_never(line, rows):
    line.asks(INCOMING, fields("incoming_call"))
    line.posts("/twilio/voice/transcription", fields("transcription_failed"))
    line.posts(PLACE, fields("recording_status_completed"))
    assert (rows.one(Voicemail).seconds, rows.one(Voicemail).transcript) == (7, "missing")


@on_one_database
def test_nothing_was_said_where_there_is_no_recording(line, rows):
    line.asks(INCOMING, fields("incoming_call"))
    line.posts(PLACE, fields("recording_status_absent"))
    line.posts(PLACE, fields("recording_status_completed", AccountSid="AC" + "f" * 32))
    assert rows.all(Voicemail) == []


@on_one_database
def test_a_message_in_a_call_that_nobody_knows_is_kept_all_the_same(line, rows):
    line.posts(PLACE, fields("recording_status_completed"))
    assert rows.all(Call) == []
    assert rows.one(Inbound).sid == RECORDING


@on_one_database
def test_it_is_played_through_us_to_who_is_signed_in_alone(leaves, twilios, support, client):
    leaves()
    page = support.sees("/console/inbox").text
    address = f"/console/voicemails/{RECORDING}"
    assert f'src="{address}"' in page
    assert "Twilio is still writing down" in page
    assert "api.twilio.com" not in page
    sound = support.sees(address)
    assert (sound.data, sound.headers["Content-Type"]) == (b"RIFF a tone", "audio/wav")
    assert sound.headers["Cache-Control"] == "no-store"
    assert client.get(address).status_code == 303
    assert support.sees("/console/voicemails/RE" + "0" * 32).status_code == 404
    assert twilios["asked"] == [("fetch", RECORDING)]
    for failure, status in (
        (Unknown("timeout", None, None), 503),
        (Refused(404, 20404, None), 404),
    ):
        twilios["sounds"]["is"] = failure
        assert support.sees(address).status_code == status


@on_one_database
def test_the_calls_stand_beside_the_texts_of_the_number(leaves, line, support):
    leaves()
    line.posts("/twilio/voice/status", fields("status_completed", Direction="inbound"))
    page = support.sees(f"/console/numbers/{KEY}").text
    assert "They called us" in page
    assert "after 49 s" in page
    assert f"/console/voicemails/{RECORDING}" in page


def test_when_its_time_is_over_it_is_blanked_here_and_deleted_there(
    app, leaves, line, twilios, rows
):
    leaves()
    line.posts("/twilio/voice/transcription", fields("transcription_completed"))
    change(app, Inbound, received_at=rows.one(Inbound).received_at.replace(year=2020))
    with app.app_context():
        assert bodies.blank(bodies.FROM_CUSTOMERS) == 1
        assert rows.one(Inbound).body == ""
        assert rows.one(BodyAtTwilio).sid == RECORDING  # whatever is set about texts
        at_twilio.blank(NEVER)
    assert twilios["asked"] == [("delete", RECORDING)]
    assert rows.all(BodyAtTwilio) == []


@on_one_database
def test_it_goes_with_the_person_who_left_it(app, leaves, line, twilios, rows):
    leaves()
    line.posts("/twilio/voice/transcription", fields("transcription_completed"))
    erase(app)
    assert rows.one(Inbound).body == ""
    assert rows.one(BodyAtTwilio).sid == RECORDING


class NEVER:
    """Nobody stops."""

    @staticmethod
    def is_set():
        return False
