"""What Twilio posts, and what only looks like it."""

import uuid

import pytest

from smsapp.logs import JsonFormatter
from smsapp.models import Inbound, InboundMedia, OptOut, Phone, Receipt
from smsapp.phone import mask
from tests.conftest import ACCOUNT, ALICE, make_app, on_one_database, settings_of, sid
from tests.web.signing import BASE, PATH, post, receipt, signature


@pytest.fixture
def sent(shop, twilio, rows):
    """An attempt that Twilio took, as the query of its callback address."""
    shop.ships()
    (attempt,) = rows.attempts
    return f"attempt={attempt.id}"


def nothing_came_of_it(rows):
    return rows.all(Receipt) == [] and rows.delivery.state == "sent"


def test_a_receipt_is_taken_and_answered_with_nothing(client, sent, rows):
    answer = post(client, receipt(), sent)
    assert (answer.status_code, answer.data) == (204, b"")
    assert rows.delivery.state == "delivered"
    assert rows.one(Receipt).status == "delivered"


def test_the_line_of_its_request_tells_all_of_a_receipt(client, sent, caplog):
    with caplog.at_level("INFO", "smsapp"):
        caplog.clear()
        post(client, receipt(), sent)
    (line,) = caplog.records
    assert (line.message, line.route, line.http_status) == ("request", PATH, 204)
    assert (line.message_sid, line.status, line.effect) == (sid(1), "delivered", "moved")
    assert (line.event_id, line.to, line.attempt) == ("order-1001-shipped", mask(ALICE), 1)
    assert '"effect":"moved"' in JsonFormatter().format(line)


def test_a_stray_receipt_is_warned_of(client, caplog):
    assert post(client, receipt(), f"attempt={uuid.uuid4()}").status_code == 204
    assert [one.message for one in caplog.records if one.levelname == "WARNING"] == [
        "stray receipt"
    ]


def test_an_invalid_signature_is_said_in_plain_text(client, sent, rows):
    answer = post(client, receipt(), sent, **{"X-Twilio-Signature": "wrong"})
    assert (answer.status_code, answer.text) == (403, "invalid signature")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert nothing_came_of_it(rows)


@on_one_database
@pytest.mark.parametrize(
    "change",
    [
        {"MessageSid": None},
        {"MessageSid": ""},
        {"MessageSid": "SM1"},
        {"MessageSid": "CA" + "0" * 32},
        {"MessageSid": sid(1).lower()},
        {"MessageSid": sid(1) + "\n"},
        {"MessageSid": "SM" + "٣" * 32},
        {"MessageStatus": None},
        {"MessageStatus": ""},
        {"MessageStatus": "de livered"},
        {"MessageStatus": "+12025550123"},
        {"MessageStatus": "x" * 21},
        {"MessageStatus": "delivered\x00"},
        {"ErrorCode": "thirty"},
        {"ErrorCode": "-1"},
        {"ErrorCode": "3" * 7},
        {"ErrorCode": "٣٠٠٠٦"},
        {"ErrorCode": "30006.0"},
    ],
    ids=str,
)
def test_a_callback_that_makes_no_sense_is_refused(client, sent, rows, change):
    answer = post(client, receipt(**change), sent)
    assert (answer.status_code, answer.text) == (400, "invalid callback")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert nothing_came_of_it(rows)


@pytest.mark.parametrize("account", [None, "", "AC" + "9" * 32, ACCOUNT.lower(), ACCOUNT + " "])
def test_a_receipt_of_another_account_is_ignored(client, sent, rows, account):
    answer = post(client, receipt(AccountSid=account), sent)
    assert (answer.status_code, answer.data) == (204, b"")
    assert nothing_came_of_it(rows)


UNKNOWN_ATTEMPT = f"attempt={uuid.UUID(int=7)}"  # as after a restore from a backup


@pytest.mark.parametrize(
    "query",
    ["", "attempt=", "attempt=1", "attempt=%00", "try=2", "%ff=%ff", UNKNOWN_ATTEMPT],
)
def test_a_receipt_whose_attempt_was_lost_on_the_way_is_found_by_its_sid(client, sent, rows, query):
    assert post(client, receipt(), query).status_code == 204
    assert rows.delivery.state == "delivered"


@pytest.mark.parametrize(
    "extra",
    [
        {"RawDlrDoneDate": "2611210930", "ErrorMessage": "", "Strange": "😀\x00\n"},
        {"ChannelInstallSid": f"XE{1:032x}", "ChannelPrefix": "whatsapp", "EventType": "DELIVERED"},
        {"ChannelToAddress": "+1202555****", "To": "whatsapp:+12025550123", "StructuredData": "{}"},
        {"To": "", "From": ""},
        {"To": "whatsapp:+447700900123"},
        {"ErrorCode": ""},
        {"ErrorCode": "0"},
        {f"Field{n}": "" for n in range(300)},
    ],
)
def test_fields_that_nobody_asked_for_do_no_harm(client, sent, rows, extra):
    assert post(client, receipt(**extra), sent).status_code == 204
    assert rows.delivery.state == "delivered"
    assert rows.delivery.error_code is None


@pytest.mark.parametrize(
    ("changes", "kept", "state"),
    [
        ({"MessageStatus": "Delivered"}, "delivered", "delivered"),
        ({"MessageStatus": "teleported"}, "teleported", "sent"),
        ({"MessageStatus": "read", "EventType": "READ"}, "read", "read"),
    ],
    ids=["in any case", "that Twilio has yet to invent, which moves nothing", "of WhatsApp"],
)
def test_a_status_is_kept(client, sent, rows, changes, kept, state):
    assert post(client, receipt(**changes), sent).status_code == 204
    assert (rows.one(Receipt).status, rows.delivery.state) == (kept, state)


def test_a_picture_message_has_a_sid_of_its_own_kind(shop, twilio, client, rows):
    twilio.answers.append(lambda: twilio.accepts().__class__("MM" + "1" * 32, "queued", 1))
    shop.ships()
    assert post(client, receipt(MessageSid="MM" + "1" * 32)).status_code == 204
    assert rows.delivery.state == "delivered"


@on_one_database
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_refused_in_plain_text(client, sent, rows, method):
    answer = client.open(PATH, method=method, data=receipt())
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "OPTIONS, POST"
    assert answer.content_type == "text/plain; charset=utf-8"
    assert nothing_came_of_it(rows)


FILE = "--x\r\nContent-Disposition: form-data; name=MessageSid; filename=a\r\n\r\n1\r\n--x--\r\n"


@pytest.mark.parametrize(
    "body",
    [{"json": receipt()}, {"data": FILE, "content_type": "multipart/form-data; boundary=x"}],
    ids=["JSON", "a file"],
)
def test_what_is_no_field_of_a_form_is_no_callback(client, sent, rows, body):
    headers = {"X-Twilio-Signature": signature(f"{BASE}{PATH}?{sent}", {})}
    answer = client.post(f"{PATH}?{sent}", headers=headers, **body)
    assert (answer.status_code, answer.text) == (400, "invalid callback")
    assert nothing_came_of_it(rows)


def test_a_form_in_parts_counts_by_the_same_signature(client, sent, rows):
    headers = {"X-Twilio-Signature": signature(f"{BASE}{PATH}?{sent}", receipt())}
    form = {"data": receipt(), "content_type": "multipart/form-data"}
    assert client.post(f"{PATH}?{sent}", **form, headers=headers).status_code == 204
    forged = {"data": receipt(MessageStatus="failed"), "content_type": "multipart/form-data"}
    assert client.post(f"{PATH}?{sent}", **forged, headers=headers).status_code == 403
    assert rows.delivery.state == "delivered"


@on_one_database
@pytest.mark.parametrize(
    "body", [b"MessageSid=\xff\xfe", b"%ff=%00&a", b"\x00" * 100, b"&" * 1000, b"=" * 1000]
)
def test_bytes_that_are_no_form_are_refused(client, sent, rows, body):
    form_type = "application/x-www-form-urlencoded"
    answer = client.post(PATH, data=body, content_type=form_type)
    assert (answer.status_code, answer.text) == (403, "invalid signature")
    assert nothing_came_of_it(rows)


@pytest.mark.parametrize("required", ["true", "false"])
def test_a_large_body_is_refused_whether_signed_or_not_asked_for_it(
    app, client, sent, rows, required
):
    large, here = receipt(Body="x" * 100_000), {"PUBLIC_BASE_URL": "http://127.0.0.1:8000"}
    here = here if required == "false" else {}
    with settings_of(app, REQUIRE_TWILIO_SIGNATURE=required, **here):
        answer = post(client, large, sent)
    assert answer.status_code == 413
    assert answer.content_type == "text/plain; charset=utf-8"
    assert nothing_came_of_it(rows)


def test_with_the_database_away_twilio_is_told_to_come_again():
    dead = make_app(DATABASE_URL="postgresql://shop:secret@127.0.0.1:1/smsapp")
    answer = post(dead.test_client(), receipt())
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.content_type == "text/plain; charset=utf-8"


INBOUND = "/twilio/inbound"


def text_in(client, **changes):
    fields = receipt(MessageStatus=None, SmsStatus="received", Body="Hello") | changes
    headers = {"X-Twilio-Signature": signature(f"{BASE}{INBOUND}", fields)}
    return client.post(INBOUND, data=fields, headers=headers)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Body": ""},
        {"Body": "\x00"},
        {"Body": "Hello\x00 there\r\n", "OptOutType": "\x00"},
        {"Body": "😀" * 1600},
        {"OptOutType": "STOP!"},
        {"From": "whatsapp:+12025550123"},
        {"From": "12345"},
        {"From": "+12025550123\x00"},
        {"AccountSid": "AC" + "9" * 32},
    ],
    ids=lambda changes: str(changes)[:40].encode("unicode_escape").decode(),
)
def test_a_text_to_us_is_answered_with_no_text(client, changes):
    answer = text_in(client, **changes)
    assert answer.status_code == 200
    assert answer.content_type == "text/xml; charset=utf-8"
    assert answer.text == '<?xml version="1.0" encoding="UTF-8"?><Response />'


WHATSAPP = {"From": f"whatsapp:{ALICE}", "To": "whatsapp:+15005550006", "Body": ""}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"NumMedia": "1", "MediaContentType0": "image/jpeg"}, "[Attached: image/jpeg]"),
        (
            {"NumMedia": "1", "MediaContentType0": "audio/ogg", "Body": "listen"},
            "listen\n[Attached: audio/ogg]",
        ),
        (
            {"Latitude": "52.5", "Longitude": "13.4", "Address": "Platz 1"},
            "[Location: 52.5, 13.4, Platz 1]",
        ),
        ({"NumMedia": "1", "MediaUrl0": "https://x.example/a.jpg"}, "[Attached: a file]"),
        ({"NumMedia": "many"}, ""),
    ],
)
def test_what_is_no_text_is_told_support_in_words(client, rows, fields, words):
    assert text_in(client, **WHATSAPP | fields).status_code == 200
    kept = rows.one(Inbound)
    assert (kept.body, kept.channel) == (words, "whatsapp")
    assert rows.one(Phone).whatsapp_at is not None


def test_files_are_listed_by_twilios_names_for_them_and_not_fetched(client, rows):
    mms, me = f"MM{1:032x}", f"ME{2:032x}"
    url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{mms}/Media/{me}"
    media = {"NumMedia": "1", "MediaUrl0": url, "MediaContentType0": "image/jpeg"}
    text_in(client, MessageSid=mms, **WHATSAPP | {"Body": "STOP"} | media)
    text_in(client, MessageSid=mms, **WHATSAPP | {"Body": "STOP"} | media)
    found = rows.one(InboundMedia)
    assert (found.sid, found.inbound_sid, found.content_type) == (me, mms, "image/jpeg")
    assert (rows.one(Inbound).body, rows.one(Inbound).keyword) == ("STOP", "stop")


def test_a_button_means_what_it_stands_for_in_any_language(client, rows):
    pressed = {"Body": "Abbestellen", "ButtonText": "Abbestellen", "ButtonPayload": "stop"}
    text_in(client, **WHATSAPP | pressed)
    assert (rows.one(Inbound).body, rows.one(Inbound).keyword) == ("Abbestellen", "stop")
    assert rows.one(OptOut)


@pytest.mark.parametrize(
    ("sender", "phone"),
    [
        ("+5215512345678", "+525512345678"),
        ("rcs:+15005550117", "+15005550117"),
        ("whatsapp:+447700900123", "+447700900123"),
        ("+5411151234567", None),
    ],
)
def test_a_stop_reaches_the_opt_out_however_twilio_names_its_sender(
    client, shop, rows, sender, phone
):
    assert text_in(client, From=sender, Body="Basta", OptOutType="STOP").status_code == 200
    assert rows.one(OptOut).lifted_at is None
    if phone:
        assert shop.ships(phone=phone).json["error"] == "opted_out"


def test_a_text_from_no_phone_number_is_kept_and_its_address_is_not(client, rows, caplog):
    with caplog.at_level("INFO"):
        text_in(client, From="messenger:1234567890123456", Body="Hello?")
    assert rows.one(Inbound).body == "Hello?"
    assert (rows.one(Phone).e164, rows.one(Phone).country) == (None, "ZZ")
    assert "1234567890123456" not in repr([vars(line) for line in caplog.records])


@pytest.mark.parametrize("changes", [{"MessageSid": ""}, {"MessageSid": "SM1"}])
def test_a_text_that_makes_no_sense_is_refused(client, changes):
    answer = text_in(client, **changes)
    assert (answer.status_code, answer.text) == (400, "invalid callback")


def test_a_text_that_twilio_did_not_sign_is_refused(client):
    answer = client.post(INBOUND, data=receipt(Body="STOP"))
    assert (answer.status_code, answer.text) == (403, "invalid signature")
