"""Files that people send: listed in words, fetched by an operator who presses, and then gone."""

import threading
from datetime import UTC, datetime

import pytest

from smsapp.inbound import media, messages
from smsapp.models import Audit, BodyAtTwilio, Delivery, Inbound, InboundMedia
from smsapp.providers.media import Media
from smsapp.retention import at_twilio, bodies
from smsapp.sandbox.testing import SandboxConfig, running
from tests.conftest import ACCOUNT, ALICE, BOB, ENVIRONMENT, KEY, TOKEN, change, erase, settings_of

FETCH = f"/console/numbers/{KEY}/media"


@pytest.fixture
def sandbox(app, tmp_path):
    """A Twilio that has what Alice sends on WhatsApp."""
    config = SandboxConfig(
        ACCOUNT, TOKEN, ENVIRONMENT["TWILIO_FROM_NUMBER"], tmp_path / "sandbox.sqlite3", pace=0.0
    )
    blanking = {"BLANK_BODIES_AT_TWILIO": "true"}
    with running(config) as sandbox, settings_of(app, TWILIO_BASE_URL=sandbox.url, **blanking):
        yield sandbox


@pytest.fixture
def arrives(app, sandbox):
    """Let something arrive from Alice, as the webhook takes it; return the file's SID."""

    def send(name="picture", content_type=None):
        sid = sandbox.send_sample(f"whatsapp:{ALICE}", name)
        (sent,) = [text for text in sandbox.texts(f"whatsapp:{ALICE}") if text.sid == sid]
        kind = content_type or {"picture": "image/jpeg", "voice": "audio/ogg"}[name]
        with app.app_context():
            files = (Media(sent.media_sid, kind),)
            messages.receive(messages.Text(sid, ALICE, sent.body, None, media=files))
        return sent.media_sid

    return send


def measure(app):
    with app.app_context():
        return media.measure(threading.Event())


def test_files_are_listed_in_words_and_nothing_of_them_is_on_a_page(app, arrives, operator, rows):
    arrives("picture")
    arrives("voice")
    assert "size not known" in operator.sees("/console/inbox").text
    assert (measure(app), measure(app)) == (2, 0)
    for page in ("/console/inbox", f"/console/numbers/{KEY}"):
        text = operator.sees(page).text
        assert "Picture, 2.8 kB" in text
        assert "Voice note, 525 bytes" in text
        assert "<img" not in text
        assert "Media/ME" not in text
    assert rows.all(Audit) == []


def test_a_press_fetches_a_file_to_keep_and_writes_down_who_did(arrives, operator, rows):
    answer = operator.posts(FETCH, media=arrives("picture"))
    assert answer.status_code == 200
    headers = answer.headers
    assert headers["Content-Length"] == "2779"
    assert answer.data[:3] == b"\xff\xd8\xff"
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["Content-Disposition"].startswith("attachment; filename=")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox")
    assert headers["Cache-Control"] == "no-store"
    assert (rows.one(Audit).act, rows.one(Audit).phone_key) == ("media_fetched", KEY)
    answer.close()


def test_support_looks_and_fetches_nothing(arrives, support, rows):
    sid = arrives()
    assert "An operator can fetch it" in support.sees(f"/console/numbers/{KEY}").text
    assert support.posts(FETCH, media=sid).status_code == 403
    assert rows.all(Audit) == []


@pytest.mark.parametrize("said", ["text/html", "audio/ogg"])
def test_what_is_not_of_a_safe_type_is_not_handed_on(arrives, operator, rows, said, monkeypatch):
    """By what it is said to be, and by what the storage says it is."""
    monkeypatch.delitem(media.words_of_media.TYPES, "image/jpeg")
    answer = operator.posts(FETCH, media=arrives("picture", said))
    assert answer.status_code == 303
    assert rows.all(Audit) == []


def test_only_the_number_that_sent_it_leads_to_a_file(app, arrives, operator, shop, twilio, rows):
    sid = arrives()
    shop.ships(phone=BOB)
    bob = next(row.phone_key for row in rows.all(Delivery))
    assert operator.posts(f"/console/numbers/{bob}/media", media=sid).status_code == 404
    assert operator.posts(FETCH, media="ME" + "0" * 32).status_code == 404
    assert rows.all(Audit) == []


@pytest.mark.parametrize("end", ["retention", "erasure"])
def test_what_is_blanked_is_not_reached_any_more_and_deleted_at_twilio(
    app, sandbox, arrives, operator, rows, end
):
    sid = arrives()
    message = rows.one(Inbound).sid
    if end == "erasure":
        erase(app)
    else:
        change(app, Inbound, received_at=datetime(2026, 1, 1, tzinfo=UTC))
        with app.app_context():
            bodies.blank(bodies.FROM_CUSTOMERS)
    assert rows.all(InboundMedia) == []
    assert operator.posts(FETCH, media=sid).status_code == 404
    assert {(row.sid, row.of_message) for row in rows.all(BodyAtTwilio)} == {
        (sid, message),
        (message, None),
    }
    with app.app_context():
        assert at_twilio.blank(threading.Event()) == 2
    assert rows.all(BodyAtTwilio) == []
    (text,) = sandbox.texts(f"whatsapp:{ALICE}")
    assert (text.body, text.media_sid) == ("", None)


def test_a_file_that_twilio_lost_is_said_to_be_lost(sandbox, arrives, operator, rows):
    sid = arrives()
    sandbox.clear()
    assert operator.posts(FETCH, media=sid).status_code == 303
    assert "does not have it any more" in operator.sees(f"/console/numbers/{KEY}").text
    assert rows.all(Audit) == []
