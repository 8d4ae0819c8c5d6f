"""The API's door: what is refused and in which words, and that nothing is written then."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask_limiter import RequestLimit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import RedisError

from smsapp import api_keys
from smsapp.api_keys import Caller, Scope
from smsapp.extensions import db, limiter
from smsapp.models import Attempt, Delivery, Phone
from smsapp.phone import mask
from smsapp.providers.outcomes import Unknown
from smsapp.web import api_limits
from tests.conftest import (
    ALICE,
    BOB,
    make_app,
    on_one_database,
    opt_out,
    settings_of,
    shipment,
    sid,
)
from tests.web import signing

PATH = "/api/order-shipped-sms"
HALF_A_PAIR = "order \ud83d"  # a lone surrogate

FAULTS = {
    "eventId": [
        None,
        5,
        True,
        ["order-1001"],
        "",
        "short",
        " " * 6,
        "x" * 121,
        "order\x00-1001",
        "order\t1001",
        "order\n1001",
        "order\x7f1001",
        "order\x851001",
        HALF_A_PAIR,
    ],
    "phone": [
        None,
        15558675310,
        "",
        "(555) 867-5310",
        "5558675310",
        "15558675310",
        "07700 900123",
        "+1 555 867 5310",
        "+1-555-867-5310",
        "+05558675310",
        "+1",
        "+1555867531",
        "+155586753101",
        "+1" + "5" * 20,
        "+999123456789",
        "+1555867531O",
        "+１５５５８６７５３１０",  # full-width digits
        "+15558675310\n",
        "+15558675310\x00",
        "tel:+15558675310",
        HALF_A_PAIR,
    ],
    "orderId": [None, 1001, "", " ", "x" * 81, "10\x0001", "10\x1b01", HALF_A_PAIR],
    "trackingUrl": [
        5,
        ["https://example.com"],
        "",
        "javascript:alert(1)",
        "JavaScript://example.com/%0aalert(1)",
        "data:text/html,hello",
        "ftp://example.com/1",
        "//example.com/1",
        "example.com/1",
        "https://",
        "https:example.com/1",
        "https:/example.com/1",
        r"https:\\example.com\1",
        "https://example.com:99999/1",
        "https://example.com/1 2",
        "https://example.com/1\n2",
        "https://example.com/1\x00",
        " https://example.com/1",
        "https://example.com/" + "x" * 481,
        "https://example.com/" + HALF_A_PAIR,
    ],
    "consentAt": [
        None,
        1780304400,
        "",
        "yesterday",
        "2026-06-02",
        "2026-06-02T09:00Z",
        "2026-06-02T09:00:00",
        "2026-06-02T09:00:00 Z",
        "2026-06-02T09:00:00+02",
        "2026-06-02T09:00:00+24:00",
        "2026-06-02T24:00:01Z",
        "2026-02-29T09:00:00Z",
        "0001-01-01T00:00:00Z",  # an empty time of some language
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59Z",
        "２026-06-02T09:00:00Z",
        "2026-06-02T09:00:00Z\n",
        HALF_A_PAIR,
    ],
}


@on_one_database
def test_a_wrong_field_is_named(refused):
    for field, values in FAULTS.items():
        for value in values:
            answer = refused(400, "invalid_request", json=shipment() | {field: value})
            assert list(answer["details"]["fieldErrors"]) == [field], (field, value)
            assert answer["details"]["formErrors"] == []


@pytest.mark.parametrize("field", ["eventId", "phone", "orderId", "consentAt"])
def test_a_missing_field_is_named(refused, field):
    answer = refused(400, "invalid_request", json=shipment(**{field: None}))
    assert answer["details"] == {"formErrors": [], "fieldErrors": {field: ["must be given"]}}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("trackingURL", "trackingUrl"),
        ("tracking_url", "trackingUrl"),
        ("Tracking-Url", "trackingUrl"),
        ("trackingurl", "trackingUrl"),
        ("trackingUlr", "trackingUrl"),
        ("consentedAt", "consentAt"),
        ("event_id", "eventId"),
        ("Phone", "phone"),
    ],
)
def test_a_misspelt_field_of_ours_is_refused_with_ours(refused, written, meant):
    body = shipment()
    body[written] = body.pop(meant)
    fields = refused(400, "invalid_request", json=body)["details"]["fieldErrors"]
    assert fields.pop(written) == [f"did you mean {meant}?"]
    assert fields == ({} if meant == "trackingUrl" else {meant: ["must be given"]})


@pytest.mark.parametrize(
    "name",
    ["tracking", "trackingNumber", "phoneNumber", "customer", "until", "t\nracking_url", "é"],
)
def test_any_other_field_is_ignored(shop, twilio, name):
    assert shop.ships(trackingUrl=None, **{name: "https://example.com/1"}).status_code == 202


def test_a_second_spelling_beside_ours_is_ignored(shop, twilio):
    assert shop.ships(tracking_url="https://example.com/2", phone2=BOB).status_code == 202


def test_all_faults_are_named_at_once(refused):
    body = {"eventId": "", "phone": "555", "orderId": 7, "trackingUrl": "javascript:0"}
    answer = refused(400, "invalid_request", json=body)
    assert set(answer["details"]["fieldErrors"]) == {*body, "consentAt"}
    assert all(texts and all(texts) for texts in answer["details"]["fieldErrors"].values())


def test_all_faults_are_named_even_beside_half_a_surrogate_pair(refused):
    body = shipment(orderId=HALF_A_PAIR, phone="555")
    answer = refused(400, "invalid_request", json=body)
    assert set(answer["details"]["fieldErrors"]) == {"orderId", "phone"}


def test_a_national_number_is_answered_with_an_example(refused):
    answer = refused(400, "invalid_request", json=shipment(phone="(555) 867-5310"))
    (text,) = answer["details"]["fieldErrors"]["phone"]
    assert "+14155552671" in text
    assert "867" not in text


def test_a_number_that_is_spelled_otherwise_is_the_same_number(app, shop, twilio, rows):
    assert shop.ships(phone="+4407700900123").status_code == 202
    assert shop.ships(phone="+447700900123").json["duplicate"]
    assert twilio.calls[0]["to"] == "+447700900123"
    opt_out(app, "+4407700900123")
    for event_id, phone in (("order-2", "+447700900123"), ("order-3", "+4407700900123")):
        answer = shop.ships(f"{event_id}-shipped", phone=phone)
        assert answer.json["error"] == "opted_out"


def test_a_number_that_nobody_can_be_certain_of_is_refused_with_a_reason(refused):
    answer = refused(400, "invalid_request", json=shipment(phone="+5411151234567"))
    (text,) = answer["details"]["fieldErrors"]["phone"]
    assert "digits that do not belong there" in text


def test_two_hours_by_their_offset_are_one_time(shop, twilio, rows):
    shop.ships(consentAt="2026-06-02T11:00:00+02:00")
    assert rows.delivery.consent_at == datetime(2026, 6, 2, 9, tzinfo=UTC)


@on_one_database
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'eventId': 1}",
        b'{"a": 1} {"b": 2}',
        b"\xff\xfe{}",
        b'{"eventId": "caf\xe9 1001"}',
        b"\x00",
        b"[" * 10_000,
        b'{"a":' * 3_000,
        b"1" * 10_000,
        json.dumps(shipment()).encode("utf-16"),
        b"eventId=order-1001-shipped",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_malformed_json_is_refused(refused, body):
    answer = refused(400, "invalid_request", data=body, content_type="application/json")
    assert answer["details"]["formErrors"]
    assert answer["details"]["fieldErrors"] == {}


@on_one_database
@pytest.mark.parametrize("body", [[], [shipment()], "text", 5, True, None], ids=repr)
def test_what_is_not_an_object_is_refused(refused, body):
    data = json.dumps(body)
    answer = refused(400, "invalid_request", data=data, content_type="application/json")
    assert answer["details"] == {"formErrors": ["Send a JSON object."], "fieldErrors": {}}


@on_one_database
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
def test_what_is_not_sent_as_json_is_refused(refused, content_type):
    refused(415, "unsupported_media_type", data=json.dumps(shipment()), content_type=content_type)


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "Application/JSON", "application/vnd.shop+json"],
)
def test_json_by_any_of_its_names_is_taken(shop, twilio, content_type):
    data = json.dumps(shipment())
    answer = shop.post(data=data, content_type=content_type)
    assert answer.status_code == 202


def padded(size):
    """A body of this many bytes, valid but for its size: unknown fields are ignored."""
    bare = len(json.dumps(shipment() | {"note": ""}))
    return json.dumps(shipment() | {"note": "x" * (size - bare)})


@pytest.mark.parametrize("size", [16 * 1024 + 1, 100_000, 5_000_000])
def test_a_body_too_large_is_refused(refused, size):
    refused(413, "body_too_large", data=padded(size), content_type="application/json")


def test_the_largest_body_is_taken(shop, twilio):
    data = padded(16 * 1024)
    answer = shop.post(data=data, content_type="application/json")
    assert answer.status_code == 202


@on_one_database
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_wrong_method_is_told_the_right_one(refused, method):
    refused(405, "method_not_allowed", method=method, json=shipment(), allow="OPTIONS, POST")


@on_one_database
@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nope", "/api/deliveries/7", "/api//order-shipped-sms"]
)
def test_an_unknown_address_is_a_json_404(refused, path):
    refused(404, "not_found", path=path, json=shipment())


@on_one_database
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic {key}",
        "{key}",
        "Bearer {key}x",
        "Bearer {key} x",
        "Bearer né",
    ],
)
@pytest.mark.parametrize("path", [PATH, "/api/deliveries?eventId=x", f"/api/messages/{sid(1)}"])
def test_without_a_valid_key_nobody_comes_in(shop, twilio, rows, authorization, path):
    headers = {}
    if authorization is not None:
        headers["Authorization"] = authorization.format(key=shop.key)
    method = "POST" if path == PATH else "GET"
    body = shipment() if path == PATH else None
    answer = shop.client.open(path, method=method, json=body, headers=headers)

    assert answer.status_code == 401
    assert answer.json["error"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert shop.key not in answer.text
    assert rows.all(Delivery) == []


def test_the_word_bearer_may_be_written_in_any_case(shop, twilio):
    headers = {"Authorization": f"bearer {shop.key}"}
    assert shop.client.post(PATH, json=shipment(), headers=headers).status_code == 202


def test_a_key_opens_only_what_its_scopes_say(make_service, twilio, rows):
    reader = make_service("reader", Scope.READ)
    answer = reader.ships()
    assert (answer.status_code, answer.json["error"]) == (403, "forbidden")
    assert "send" in answer.json["message"]
    assert rows.all(Delivery) == []

    sender = make_service("sender", Scope.SEND, Scope.VERIFY)
    delivery_id = sender.ships().json["deliveryId"]
    for path in ("/api/deliveries?eventId=order-1001-shipped", f"/api/messages/{sid(1)}"):
        assert sender.get(path).status_code == 403
    assert reader.get(f"/api/deliveries/{delivery_id}").status_code == 200


def test_every_answer_names_its_request(shop, twilio):
    answers = [shop.ships(), shop.ships(phone="555"), shop.get("/api/nope")]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 3


@on_one_database
@pytest.mark.parametrize(
    "prefer",
    [
        "respond-async",
        "Respond-Async",
        "respond-async, wait=10",
        "return=minimal,respond-async",
        "respond-async; because=slow",
        'foo="a, b", respond-async',
    ],
)
def test_a_caller_may_prefer_not_to_wait(shop, twilio, prefer):
    answer = shop.ships(prefer=prefer)
    assert answer.json["status"] == "pending"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert twilio.calls == []


def test_a_preference_may_stand_on_a_line_of_its_own(shop, twilio):
    headers = [*shop.headers.items(), ("Prefer", "wait=10"), ("Prefer", "respond-async")]
    assert shop.client.post(PATH, json=shipment(), headers=headers).json["status"] == "pending"


@on_one_database
@pytest.mark.parametrize(
    "prefer",
    [
        "wait=10",
        "respond-asynchronously",
        "respond",
        'foo="respond-async"',
        'foo="a, respond-async, b"',
        "foo; respond-async",
    ],
)
def test_any_other_preference_changes_nothing(shop, twilio, prefer):
    answer = shop.ships(prefer=prefer)
    assert answer.json["status"] == "sent"
    assert "Preference-Applied" not in answer.headers


def test_unknown_fields_are_ignored(shop, twilio):
    extra = {"status": "failed", "deliveryId": "x", "note": {"deep": [None]}, "phoneKey": 5}
    assert shop.ships(**extra).status_code == 202
    assert shop.ships().json["duplicate"] is True


FITS = {
    "eventId": ["x" * 6, "x" * 120, "é" * 120, "😀" * 120, "order 1001 / “shipped”"],
    "orderId": ["1", "x" * 80, "Käse-№7 😀 هدية"],
    "phone": ["+15558675310", "+819012345678", "+2901234"],
    "trackingUrl": ["https://example.com/" + "x" * 480],
    "consentAt": [  # any form of RFC 3339
        "2026-06-02T09:00:00Z",
        "2026-06-02t09:00:00z",
        "2026-06-02 09:00:00Z",
        "2026-06-02T09:00:00.123456789Z",
        "2026-06-02T09:00:00.5+05:30",
        "2026-06-02T09:00:00-00:00",
        "2024-02-29T23:59:59+14:00",
        "1970-01-01T00:00:00Z",
    ],
}


@pytest.mark.parametrize(("field", "value"), [(name, v) for name in FITS for v in FITS[name]])
def test_what_fits_is_taken(shop, twilio, field, value):
    answer = shop.ships(**{field: value})
    assert answer.status_code == 202, answer.json
    told = shop.get(answer.headers["Location"]).json
    if field in told and field != "phone":
        assert told[field] == value


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "HTTPS://EXAMPLE.COM/Track",
        "https://example.com:443/%7Eann/../x?a=1&a=2&b=%20+#part",
        "https://example.com/ü/😀",
        "https://münchen.example/",
        "https://example.com/?q='\"<>{}|^`",
        "https://[2001:db8::1]:8443/1",
    ],
)
def test_a_link_reaches_the_customer_as_it_was_sent(shop, twilio, url):
    assert shop.ships(trackingUrl=url).status_code == 202
    assert twilio.calls[0]["body"].endswith(f"Tracking: {url}")


def test_no_link_may_be_said_with_null(shop, twilio):
    answer = shop.post(json=shipment() | {"trackingUrl": None})
    assert answer.status_code == 202
    assert twilio.calls[0]["body"] == "Your order 1001 has shipped."


def test_a_callers_clock_may_be_five_minutes_ahead_and_no_more(shop, twilio):
    now = datetime(2026, 11, 21, 9, 0, 0, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        allowed = (now + timedelta(minutes=5)).isoformat()
        assert shop.ships(consentAt=allowed).status_code == 202
        later = (now + timedelta(minutes=5, microseconds=1)).isoformat()
        answer = shop.ships("order-1002-shipped", consentAt=later)
    assert answer.status_code == 400
    assert list(answer.json["details"]["fieldErrors"]) == ["consentAt"]


def test_a_delivery_tells_its_story(shop, twilio, client, rows):
    twilio.answers.append(Unknown("timeout", None, None))
    delivery_id = shop.ships().json["deliveryId"]
    (attempt,) = rows.attempts
    query = f"attempt={attempt.id}"
    fields = signing.receipt(MessageStatus="undelivered", ErrorCode="30006")
    assert signing.post(client, fields, query).status_code == 204

    told = shop.get(f"/api/deliveries/{delivery_id}").json

    assert told["deliveryId"] == delivery_id
    assert (told["kind"], told["eventId"]) == ("order_shipped", "order-1001-shipped")
    assert (told["orderId"], told["status"]) == ("1001", "undelivered")
    assert (told["sid"], told["country"]) == (sid(1), "US")
    assert told["phone"] == "+*******0123"
    assert told["error"]["code"] == 30006
    assert told["error"]["cause"].endswith(".")
    assert told["error"]["nextStep"].endswith(".")
    assert told["error"]["docs"] == "https://www.twilio.com/docs/api/errors/30006"
    (told_attempt,) = told["attempts"]
    assert told_attempt["attempt"] == 1
    assert told_attempt["sid"] == sid(1)
    assert told_attempt["status"] == "undelivered"
    assert told_attempt["error"] == told["error"]
    steps = [(step["source"], step["status"], step["code"]) for step in told["timeline"]]
    assert steps == [
        ("api", "accepted", None),
        ("smsapp", "permitted", None),
        ("request", "sending", None),
        ("twilio", "unknown", None),
        ("receipt", "undelivered", 30006),
    ]
    times = [datetime.fromisoformat(step["at"]) for step in told["timeline"]]
    assert times == sorted(times)
    assert all(time.tzinfo for time in times)
    assert ALICE not in json.dumps(told)


def test_a_delivery_is_found_by_its_event_and_by_its_message(shop, twilio):
    delivery_id = shop.ships().json["deliveryId"]
    told = shop.get(f"/api/deliveries/{delivery_id}").json
    assert shop.get("/api/deliveries?eventId=order-1001-shipped").json == told
    assert shop.get(f"/api/messages/{sid(1)}").json == told


@pytest.mark.parametrize(
    "path",
    [
        "/api/deliveries/00000000-0000-7000-8000-000000000000",
        "/api/deliveries?eventId=order-9999-shipped",
        "/api/deliveries?eventId=a%00b",
        "/api/deliveries?eventId=%ff",
        "/api/deliveries?eventId=" + "x" * 2000,
        f"/api/messages/{sid(9)}",
        f"/api/messages/{sid(1).lower()}",
        "/api/messages/%00",
        "/api/messages/%2B12025550123",
    ],
)
def test_what_is_not_there_is_404(shop, twilio, path):
    shop.ships()
    answer = shop.get(path)
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")


def test_a_misspelt_parameter_of_a_question_is_told(shop):
    answer = shop.get("/api/deliveries?eventId=order-1001-shipped&Kind=order_ready")
    assert answer.json["details"]["fieldErrors"] == {"Kind": ["did you mean kind?"]}


def test_a_search_without_an_event_id_is_told_so(shop):
    answer = shop.get("/api/deliveries?eventId=")
    assert answer.status_code == 400
    assert list(answer.json["details"]["fieldErrors"]) == ["eventId"]


@pytest.fixture
def dead_app(app):
    """An app whose database is away, and a key that it still remembers."""
    dead = make_app(DATABASE_URL="postgresql://shop:secret@127.0.0.1:1/smsapp")
    with dead.app_context():
        caller = Caller(1, "shop", frozenset({"send", "read"}))
        api_keys._remembered[db.engine] = {api_keys._hash("remembered"): (1e12, caller)}
        yield dead
        db.engine.dispose()


@pytest.mark.parametrize("key", ["remembered", "new"])
@pytest.mark.parametrize("prefer", ["respond-async", "wait=10"])
def test_with_the_database_away_nothing_is_accepted(dead_app, twilio, key, prefer):
    headers = {"Authorization": f"Bearer {key}", "Prefer": prefer}
    answer = dead_app.test_client().post(PATH, json=shipment(), headers=headers)

    assert answer.status_code == 503
    assert answer.json["error"] == "database_unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert "secret" not in answer.text
    assert twilio.calls == []


def test_the_log_names_an_event_that_could_not_be_accepted_too(dead_app, caplog):
    with caplog.at_level("INFO", "smsapp"):
        headers = {"Authorization": "Bearer remembered"}
        dead_app.test_client().post(PATH, json=shipment(), headers=headers)
    told = next(entry for entry in caplog.records if entry.message == "request")
    assert (told.http_status, told.event_id, told.country) == (503, "order-1001-shipped", "US")
    assert told.to == mask(ALICE)


def test_an_answer_is_json_in_utf_8_on_one_line(client):
    answer = client.post(PATH)
    assert "“".encode() in answer.data
    assert answer.text == json.dumps(answer.json, separators=(",", ":"), ensure_ascii=False) + "\n"
    assert answer.content_type == "application/json"


def test_each_key_has_a_limit_of_its_own(app, make_service, twilio):
    one, two = make_service("one"), make_service("two")
    limiter.reset()
    with settings_of(app, API_RATE_LIMIT="2/day"):
        assert [one.ships().status_code, one.ships().status_code] == [202, 200]
        answer = one.get("/api/deliveries?eventId=order-1001-shipped")
        assert answer.status_code == 429
        assert answer.json["error"] == "rate_limited"
        assert 0 < int(answer.headers["Retry-After"]) <= 86_401
        assert two.ships().status_code == 200
    assert len(twilio.calls) == 1


def test_an_answer_says_how_often_its_key_may_still_call(app, client, make_service, twilio):
    one, two = make_service("one"), make_service("two")
    limiter.reset()
    with settings_of(app, API_RATE_LIMIT="3/day"):
        answers = [one.ships(f"order-{number}-shipped") for number in range(4)]
        assert two.ships().headers["X-RateLimit-Remaining"] == "2"
    left = [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert left == ["2", "1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}
    (reset_at,) = {int(answer.headers["X-RateLimit-Reset"]) for answer in answers}
    assert 0 < reset_at - time.time() <= 86_401
    assert ["Retry-After" in answer.headers for answer in answers] == [False, False, False, True]
    assert "X-RateLimit-Limit" not in client.get("/").headers


def test_the_store_of_limits_is_asked_for_that_once_a_second_and_key(
    app, shop, twilio, monkeypatch
):
    asked, ask = [], limiter.limiter.get_window_stats
    monkeypatch.setattr(
        limiter.limiter, "get_window_stats", lambda *args: asked.append(args) or ask(*args)
    )
    for _ in range(5):
        answer = shop.ships()
    remaining = int(answer.headers["X-RateLimit-Remaining"])
    assert len(asked) == 1
    monkeypatch.setattr(api_limits, "ASKED_EVERY_SECONDS", 0.0)
    assert int(shop.ships().headers["X-RateLimit-Remaining"]) == remaining - 1
    assert len(asked) == 2


def test_whoever_is_refused_as_the_store_of_limits_goes_is_told_to_wait_a_minute(
    app, shop, monkeypatch
):
    def is_away(_limit):
        raise RedisError

    monkeypatch.setattr(RequestLimit, "reset_at", property(is_away))
    limiter.reset()
    with settings_of(app, API_RATE_LIMIT="1/day"):
        path = "/api/deliveries?eventId=order-1001-shipped"
        assert shop.get(path).status_code == 404
        answer = shop.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")


def test_without_the_store_of_limits_texts_still_leave(app, shop, twilio):
    # Nothing listens on port 1. One limiter serves all apps, so its own storage is put back.
    before = dict(vars(limiter))
    try:
        url = app.extensions["settings"].database_url
        other = make_app(DATABASE_URL=url, RATELIMIT_STORAGE_URI="redis://127.0.0.1:1")
        answer = other.test_client().post(PATH, json=shipment(), headers=shop.headers)
        assert answer.status_code == 202
        with other.app_context():
            db.engine.dispose()
    finally:
        vars(limiter).update(before)


any_text = st.text(st.characters(exclude_categories=()), max_size=130)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
any_body = st.fixed_dictionaries(
    {},
    optional={
        "eventId": st.just("order-1001-shipped") | any_text | any_json,
        "phone": st.just(ALICE)
        | st.text("0123456789", min_size=1, max_size=16).map("+".__add__)
        | any_json,
        "orderId": st.just("1001") | any_text | any_json,
        "trackingUrl": st.just("https://example.com") | any_text.map("https://".__add__) | any_json,
        "consentAt": st.just("2026-06-02T09:00:00Z")
        | st.datetimes().map(lambda at: at.isoformat() + "Z")
        | any_json,
    },
)
quickly = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@quickly
@given(body=any_body | any_json)
def test_no_json_is_too_strange_to_be_answered(shop, twilio, body):
    answer = shop.post(data=json.dumps(body), content_type="application/json")
    assert answer.status_code in {200, 202, 400, 422}
    assert answer.is_json
    if answer.status_code == 400:
        details = answer.json["details"]
        assert details["formErrors"] or details["fieldErrors"]


@on_one_database
@quickly
@given(body=st.binary(max_size=200), query=st.binary(max_size=40))
def test_no_bytes_are_too_strange_to_be_answered(shop, twilio, body, query):
    answer = shop.post(data=body, content_type="application/json")
    assert answer.status_code == 400
    answer = shop.client.get(
        "/api/deliveries", query_string=query.decode("latin-1"), headers=shop.headers
    )
    assert answer.status_code in {200, 400, 404}


@pytest.fixture
def refused(shop, twilio, rows):
    """Post what must be refused, and return the answer's JSON."""

    def post(status, code, *, path=PATH, method="POST", allow=None, **request):
        if "json" in request:  # in ASCII: Flask's own could not say half a surrogate pair
            request |= {"data": json.dumps(request.pop("json"))}
            request.setdefault("content_type", "application/json")
        answer = shop.client.open(path, method=method, headers=shop.headers, **request)
        assert answer.status_code == status, (answer.text, request)
        assert answer.content_type == "application/json"
        assert answer.json["error"] == code
        assert answer.json["message"].endswith(".")
        assert answer.headers.get("Allow") == allow
        assert [rows.all(table) for table in (Delivery, Attempt, Phone)] == [[], [], []]
        assert twilio.calls == []
        return answer.json

    return post
