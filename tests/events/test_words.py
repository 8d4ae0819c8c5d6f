"""What each kind of event says, and what is wrong with one that cannot be said."""

import pytest

from smsapp.config import load
from smsapp.events.fields import how_to_stop
from smsapp.events.kinds import KINDS
from smsapp.events.lint import warnings
from smsapp.languages import NAMES
from tests.conftest import ALICE, ENVIRONMENT, on_one_database, settings_of

ORDER = {"orderId": "1001"}
# A Friday that is still to come when this is read.
VISIT = {"appointmentId": "A-7", "startsAt": "2082-12-04T19:00:00Z"}
VISITS = [kind for kind in KINDS if kind.startswith("appointment")]
UNTIL = "2026-12-04T18:00:00-05:00"  # as ALICE in Washington reads it
LINK = "https://hill.example/t/1001"
ANYWHERE = "+15005550006"  # of no place

ORDERS = [kind for kind in KINDS if kind.startswith("order_")]

SAID = [
    ("order_shipped", ORDER, "Your order 1001 has shipped."),
    ("order_out_for_delivery", ORDER, "Your order 1001 is out for delivery."),
    (
        "order_out_for_delivery",
        ORDER | {"from": "2026-12-04T15:30:00Z", "until": "2026-12-04T18:00:00+01:00"},
        "Your order 1001 is out for delivery and comes between 10:30 and 12:00.",
    ),
    (
        "order_out_for_delivery",
        ORDER | {"from": UNTIL},
        "Your order 1001 is out for delivery and comes after 18:00.",
    ),
    (
        "order_out_for_delivery",
        ORDER | {"until": UNTIL, "phone": ANYWHERE},
        "Your order 1001 is out for delivery and comes by 18:00 GMT-05:00.",
    ),
    ("order_delivered", ORDER, "Your order 1001 has been delivered."),
    (
        "order_delivered",
        ORDER | {"place": "front door"},
        "Your order 1001 has been delivered (front door).",
    ),
    ("order_delayed", ORDER, "Your order 1001 is delayed."),
    (
        "order_delayed",
        ORDER | {"expectedOn": "2026-12-04", "trackingUrl": LINK},
        f"Your order 1001 is delayed. We now expect it on Fri, Dec 4. Tracking: {LINK}",
    ),
    ("order_ready", ORDER | {"place": "5 Hill Street"}, "Your order 1001 is ready: 5 Hill Street."),
    (
        "order_ready",
        ORDER | {"place": "5 Hill Street", "until": UNTIL},
        "Your order 1001 is ready: 5 Hill Street. Collect it by Fri, Dec 4, 18:00.",
    ),
    (
        "appointment_booked",
        VISIT,
        "Your appointment is booked: Fri, Dec 4, 14:00.",
    ),
    (
        "appointment_booked",
        VISIT | {"place": "5 Hill Street", "phone": ANYWHERE},
        "Your appointment is booked: Fri, Dec 4, 19:00 GMT+00:00, 5 Hill Street.",
    ),
    (
        "appointment_booked",
        VISIT | {"timeZone": "America/Chicago"},
        "Your appointment is booked: Fri, Dec 4, 13:00 GMT-06:00.",
    ),
    (
        "appointment_moved",
        VISIT | {"timeZone": "America/New_York"},
        "Your appointment is now on Fri, Dec 4, 14:00.",
    ),
    (
        "appointment_moved",
        VISIT | {"place": "5 Hill Street"},
        "Your appointment is now on Fri, Dec 4, 14:00, 5 Hill Street.",
    ),
    ("appointment_canceled", {"appointmentId": "A-7"}, "Your appointment is canceled."),
    (
        "appointment_canceled",
        VISIT,
        "Your appointment on Fri, Dec 4, 14:00 is canceled.",
    ),
    (
        "support_received",
        {"ticketId": "T-77"},
        "We have your question and will answer it within a day. Your ticket: T-77.",
    ),
]
# The same in other languages, with all that a text can say.
TIMES = {"from": "2026-12-04T15:30:00Z", "until": "2026-12-04T18:00:00+01:00"}
TRANSLATED = [
    (
        "de-AT",
        "order_shipped",
        ORDER | {"trackingUrl": LINK},
        f"Ihre Bestellung 1001 ist unterwegs. Verfolgen: {LINK}",
    ),
    (
        "de",
        "order_out_for_delivery",
        ORDER | TIMES,
        "Ihre Bestellung 1001 wird zugestellt: zwischen 10:30 und 12:00.",
    ),
    (
        "de",
        "order_delayed",
        ORDER | {"expectedOn": "2026-12-04"},
        "Ihre Bestellung 1001 verspätet sich. Sie kommt voraussichtlich am Fr., 4. Dez. an.",
    ),
    (
        "ko-KR",
        "order_out_for_delivery",
        ORDER | TIMES,
        "주문 1001 상품이 배송 중이며 오전 10:30~오후 12:00 사이에 도착합니다.",
    ),
    (
        "ko",
        "order_ready",
        ORDER | {"place": "5 Hill Street", "until": UNTIL},
        "주문 1001 상품이 준비되었습니다. 수령 장소: 5 Hill Street."
        " 12월 4일 (금) 오후 6:00까지 찾아가 주세요.",
    ),
    (
        "hi",
        "order_delayed",
        ORDER | {"expectedOn": "2026-12-04"},
        "आपके ऑर्डर 1001 में देरी है। नई तारीख: शुक्र, 4 दिस॰।",
    ),
    (
        "de",
        "appointment_booked",
        VISIT | {"place": "Hauptstr. 5"},
        "Ihr Termin ist gebucht: Fr., 4. Dez., 14:00, Hauptstr. 5.",
    ),
    (
        "ko",
        "appointment_moved",
        VISIT,
        "예약이 12월 4일 (금) 오후 2:00(으)로 변경되었습니다.",
    ),
    (
        "hi",
        "appointment_canceled",
        VISIT,
        "शुक्र, 4 दिस॰, 2:00 pm का आपका अपॉइंटमेंट रद्द हो गया है।",
    ),
    (
        "hi-IN",
        "support_received",
        {"ticketId": "T-77"},
        "हमें आपका सवाल मिल गया है और हम उसका जवाब देंगे। आपका टिकट: T-77।",
    ),
    ("zh-Hant", "order_shipped", ORDER, "Your order 1001 has shipped."),
]

ZONES = ("Europe/Atlantis", "europe/berlin", "GMT+5", "localtime", "", "../UTC", 7)
STARTS = ("2082-12-04T14:00:00", "2026-06-02T09:00:00Z", "tomorrow", 7)
BEFORE = ("P1D", ["a day"], ["-P1D"], ["P61D"], ["PT0M"], [7], [f"PT{n}H" for n in range(1, 7)])
FAULTY = [
    ("order_out_for_delivery", {"from": "14:00"}, "from"),
    ("order_out_for_delivery", {"until": "2026-11-27T16:00:00"}, "until"),
    ("order_out_for_delivery", {"from": UNTIL, "until": UNTIL}, "until"),
    ("order_delivered", {"place": "x" * 81}, "place"),
    ("order_delivered", {"place": "a\x00b"}, "place"),
    ("order_delayed", {"expectedOn": "04.12.2026"}, "expectedOn"),
    ("order_delayed", {"expectedOn": "2026-02-30"}, "expectedOn"),
    ("order_delayed", {"expectedOn": 20261204}, "expectedOn"),
    ("order_delayed", {"trackingUrl": "javascript:alert(1)"}, "trackingUrl"),
    ("order_ready", {"place": None}, "place"),
    ("order_ready", {"place": "here", "until": "soon"}, "until"),
    *((kind, {"orderId": bad}, "orderId") for kind in ORDERS for bad in ("", " ", "x" * 81, 7)),
    *((kind, {"appointmentId": bad}, "appointmentId") for kind in VISITS for bad in ("", 7, None)),
    *((kind, {"timeZone": bad}, "timeZone") for kind in VISITS for bad in ZONES),
    *((kind, {"startsAt": bad}, "startsAt") for kind in VISITS for bad in STARTS),
    *((kind, {"eventAt": "yesterday"}, "eventAt") for kind in VISITS),
    # Where the calendar ends, and what some programs write for “never”.
    *((kind, {"startsAt": "9999-12-31T23:30:00Z"}, "startsAt") for kind in VISITS),
    *((kind, {"eventAt": "0001-01-01T00:00:00Z"}, "eventAt") for kind in VISITS),
    *((kind, {"eventAt": "2082-12-04T19:00:00Z"}, "eventAt") for kind in VISITS),
    ("order_out_for_delivery", {"until": "0001-01-01T00:00:00Z"}, "until"),
    ("order_ready", {"place": "here", "until": "9999-12-31T23:59:59-12:00"}, "until"),
    *(("appointment_booked", {"remindBefore": bad}, "remindBefore") for bad in BEFORE),
    ("appointment_moved", {"startsAt": None}, "startsAt"),
    ("appointment_moved", {"place": "x" * 81}, "place"),
    *(("support_received", {"ticketId": bad}, "ticketId") for bad in ("", "x" * 81, None)),
    *(("order_shipped", {"locale": bad}, "locale") for bad in ("", "de_AT", "German!", 7)),
]


def told(kind: str, fields: dict[str, object]) -> dict[str, object]:
    common = {"eventId": "event-1001", "phone": ALICE, "consentAt": "2026-11-01T09:00:00Z"}
    return common | fields


@pytest.mark.parametrize(("kind", "fields", "words"), SAID)
def test_a_text_says_what_is_known_by_the_recipients_clock(kind, fields, words):
    settings = load(ENVIRONMENT | {"SUPPORT_ANSWERS_WITHIN": "within a day"})
    event = KINDS[kind].body.model_validate(told(kind, fields))
    assert KINDS[kind].words(event, settings) == words


@pytest.mark.parametrize(("locale", "kind", "fields", "words"), TRANSLATED)
def test_a_text_is_in_the_language_of_its_event(locale, kind, fields, words):
    settings = load(ENVIRONMENT | {"SUPPORT_ANSWERS_WITHIN": "within a day"})
    event = KINDS[kind].body.model_validate(told(kind, fields | {"locale": locale}))
    assert KINDS[kind].words(event, settings) == words


@pytest.mark.parametrize("locale", NAMES)
@pytest.mark.parametrize(("kind", "fields", "words"), SAID)
def test_nothing_is_to_be_said_against_any_text_that_ships(kind, fields, words, locale):
    settings = load(ENVIRONMENT | {"SHOP_NAME": "Hill Shop"})
    event = KINDS[kind].body.model_validate(told(kind, fields | {"locale": locale}))
    first = f"{KINDS[kind].words(event, settings)} {how_to_stop(event.language)}"
    assert warnings(first, settings.shop_name, is_first=True) == []


def test_a_language_is_no_content_and_no_other_makes_another_event(app, shop, twilio):
    with settings_of(app, SHOP_NAME="Rosa"):
        assert shop.ships(locale="de", trackingUrl=None).status_code == 202
        again = shop.ships(locale="ko", trackingUrl=None)
    assert (again.status_code, again.json["duplicate"]) == (200, True)
    (call,) = twilio.calls
    assert call["body"] == "Rosa: Ihre Bestellung 1001 ist unterwegs. Abbestellen mit STOP."


@on_one_database
@pytest.mark.parametrize(("kind", "fields", "fault"), FAULTY)
def test_what_is_wrong_is_named_by_its_field(shop, twilio, kind, fields, fault):
    whole = ORDER | VISIT | ({"place": "5 Hill Street"} if kind == "order_ready" else {})
    answer = shop.post(f"/api/events/{kind}", json=told(kind, whole | fields))
    assert answer.status_code == 400
    assert list(answer.json["details"]["fieldErrors"]) == [fault]
    assert twilio.calls == []


def test_every_kind_is_said_here():
    assert {kind for kind, _, _ in SAID} == set(KINDS)
