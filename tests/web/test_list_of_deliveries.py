"""GET /api/deliveries: a list, newest first, a page at a time."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from smsapp.models import Delivery
from smsapp.trace import filtering
from tests.conftest import ALICE, BOB, opt_out, shipment, sid
from tests.watch.conftest import texts

__all__ = ["texts"]  # a fixture

PATH = "/api/deliveries"
HOUR = timedelta(hours=1)


@pytest.fixture
def lists(shop):
    """Ask for a list by its parameters; return the answer's JSON."""

    def get(expected=200, /, **parameters):
        query = "&".join(f"{name}={quote(str(value))}" for name, value in parameters.items())
        answer = shop.get(f"{PATH}?{query}")
        assert answer.status_code == expected, answer.text
        return answer.json

    return get


def ids(page):
    return [row["deliveryId"] for row in page["data"]]


def walk(lists, **parameters):
    """Follow a list to its end; return the ids of each page."""
    pages, page = [], lists(**parameters)
    while True:
        pages.append(ids(page))
        if page["nextCursor"] is None:
            return pages
        page = lists(**parameters, cursor=page["nextCursor"])


def test_a_delivery_is_listed_as_it_is_told_of_alone(shop, lists, twilio):
    found = shop.get(f"{PATH}/{shop.ships().json['deliveryId']}").json
    (row,) = lists()["data"]
    assert row == {name: found[name] for name in row}
    assert (row["subject"], row["orderId"], row["sid"]) == ("1001", "1001", sid(1))
    assert (row["status"], row["kind"], row["dueAt"]) == ("sent", "order_shipped", None)
    assert ALICE not in str(row)


def test_without_deliveries_it_is_empty(lists):
    assert lists() == {"data": [], "nextCursor": None}


def test_pages_are_newest_first_and_hold_each_delivery_once(shop, lists, twilio):
    made = [answer.json["deliveryId"] for answer in shop.ships_many(5, prefer="respond-async")]
    assert walk(lists, limit=2) == [made[:2:-1], made[2:0:-1], made[:1]]
    assert walk(lists, limit=5) == [made[::-1]]


def test_twenty_are_a_page_where_nobody_says_otherwise(shop, lists, twilio):
    shop.ships_many(21, prefer="respond-async")
    assert [len(page) for page in walk(lists)] == [20, 1]


def test_what_comes_in_meanwhile_moves_no_page(shop, lists, twilio):
    made = [answer.json["deliveryId"] for answer in shop.ships_many(3)]
    first = lists(limit=1)
    shop.ships("order-9-shipped", orderId="9")
    assert ids(lists(limit=1, cursor=first["nextCursor"])) == made[1:2]


def test_each_filter_leaves_what_fits_it(app, shop, lists, twilio):
    sent = shop.ships().json["deliveryId"]
    late = shop.post("/api/events/order_delayed", json=shipment("late-1001", sendAt=in_a_week()))
    opt_out(app, BOB)
    stopped = shop.ships("order-1002-shipped", orderId="1002", phone=BOB).json["deliveryId"]
    late = late.json["deliveryId"]
    assert ids(lists(subject="1001")) == [late, sent]
    assert ids(lists(subject="100")) == []
    assert ids(lists(status="suppressed")) == [stopped]
    assert ids(lists(kind="order_shipped")) == [stopped, sent]
    assert ids(lists(kind="order_shipped", status="sent", subject="1001")) == [sent]
    assert ids(lists(kind="order_ready")) == []


def in_a_week():
    return (datetime.now(UTC) + 7 * 24 * HOUR).isoformat()


def test_a_stretch_of_time_begins_with_its_first_and_ends_before_its_last_moment(
    app, shop, lists, rows, twilio, texts
):
    at = datetime.now(UTC).replace(microsecond=0)
    for hours in (3, 2, 1):
        texts(at - hours * HOUR)
    three, two, one = sorted(str(row.id) for row in rows.all(Delivery))
    assert ids(lists(since=(at - 2 * HOUR).isoformat())) == [one, two]
    assert ids(lists(until=(at - 2 * HOUR).isoformat())) == [three]
    assert ids(lists(since=(at - 2 * HOUR).isoformat(), until=(at - HOUR).isoformat())) == [two]
    subject = {"subject": "0", "since": (at - 2 * HOUR).isoformat()}
    assert walk(lists, **subject, limit=1) == [[one], [two]]


def test_a_plus_that_was_not_escaped_is_an_offset_still(shop, lists, twilio):
    shop.ships()
    page = shop.get(f"{PATH}?since=2026-06-02T09:00:00+02:00")
    assert len(page.json["data"]) == 1


def test_what_is_rare_is_found_page_by_page_without_reading_everything(
    shop, lists, twilio, monkeypatch
):
    """A page reads only so many deliveries; one that found little says where to go on."""
    monkeypatch.setattr(filtering, "MOST_READ", 3)
    rare = shop.post("/api/events/order_ready", json=shipment("ready-1", place="Hill")).json
    shop.ships_many(6)
    assert walk(lists, kind="order_ready") == [[], [], [rare["deliveryId"]]]
    assert walk(lists, subject="1001", kind="order_ready") == [[rare["deliveryId"]]]


FAULTS = {
    "subject": ["", "x" * 81, "%00"],
    "status": ["", "lost", "SENT"],
    "kind": ["", "order_shiped"],
    "since": ["", "yesterday", "2026-06-02", "2026-06-02T09:00:00", "1969-12-31T23:59:59Z"],
    "until": ["", "0001-01-01T00:00:00Z"],
    "limit": ["", "0", "101", "-1", "1.5", "²", "9" * 5000],
    "cursor": ["", "x", "AAAA", "%00", "é" * 30, "00000000-0000-7000-8000-000000000000", "=" * 32],
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_parameter_is_named(shop, name):
    for value in FAULTS[name]:
        answer = shop.get(f"{PATH}?{name}={value}")
        assert answer.status_code == 400, value
        assert list(answer.json["details"]["fieldErrors"]) == [name]


def test_all_wrong_parameters_are_named_at_once(lists):
    faults = lists(400, limit=0, status="lost", kind="none", since="x", until="y", Subject="1")
    assert set(faults["details"]["fieldErrors"]) == {
        *("limit", "status", "kind", "since", "until", "Subject"),
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Status", "status"), ("next_cursor", None), ("event_id", "eventId"), ("subjects", "subject")],
)
def test_a_misspelt_parameter_is_told_and_any_other_ignored(shop, written, meant):
    answer = shop.get(f"{PATH}?{written}=x")
    if meant:
        told = {written: [f"did you mean {meant}?"]}
        assert answer.json["details"]["fieldErrors"] == told
    else:
        assert answer.status_code == 200


def test_a_parameter_given_twice_is_refused(shop):
    answer = shop.get(f"{PATH}?status=failed&status=undelivered")
    assert answer.json["details"]["fieldErrors"] == {"status": ["must be given once"]}


def test_until_is_later_than_since(lists):
    at = "2026-06-02T09:00:00Z"
    faults = lists(400, since=at, until=at)["details"]["fieldErrors"]
    assert faults == {"until": ["must be later than since"]}


def test_a_cursor_is_good_for_its_own_list_alone(shop, lists, twilio):
    shop.ships_many(3)
    cursor = lists(limit=1, status="sent")["nextCursor"]
    assert len(lists(limit=2, status="sent", cursor=cursor)["data"]) == 2
    for other in ({}, {"status": "failed"}, {"status": "sent", "kind": "order_shipped"}):
        faults = lists(400, cursor=cursor, **other)["details"]["fieldErrors"]
        assert list(faults) == ["cursor"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    assert list(lists(400, status="sent", cursor=changed)["details"]["fieldErrors"]) == ["cursor"]


def test_every_key_that_may_read_sees_what_any_key_sent(make_service, twilio):
    make_service("one").ships()
    assert len(make_service("two").get(PATH).json["data"]) == 1
