"""An order's whole story on one page, and lists by kind."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from smsapp.models import Delivery
from tests.conftest import ALICE, BOB, change, opt_out, report, shipment, sid, text_in
from tests.web.test_console_pages import look_for, number_page, page_of, says, walk, words

CAROL = "+12025550199"
HOUR = timedelta(hours=1)
IDS = r'href="/console/deliveries/([0-9a-f-]{36})"'


@pytest.fixture
def tells(shop):
    """Tell an event of a kind about order 1001; return its delivery's id."""

    def post(kind, event_id=None, **changes):
        event_id = event_id or f"{kind}-1001"
        answer = shop.post(f"/api/events/{kind}", json=shipment(event_id, **changes))
        return answer.json["deliveryId"]

    return post


def story_of(delivery_id):
    return f"/console/deliveries/{delivery_id}/subject"


def chapters(person, path):
    """Return what a story's page says of each delivery."""
    page = person.sees(path)
    assert page.status_code == 200
    found = page.text.split('<ol class="timeline story">')[1].split("</ol>")[0].split("<li")[1:]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>|^[^>]*>", " ", one)).strip() for one in found]


def test_it_tells_what_was_sent_what_is_planned_and_what_was_taken_back(
    app, support, tells, shop, twilio, rows
):
    shipped = tells("order_shipped")
    report(app, rows.attempts[0].id, sid(1), "delivered", 0)
    at = (datetime.now(UTC) + 30 * HOUR).replace(microsecond=0)
    tells("order_out_for_delivery", sendAt=at.isoformat())
    delayed = tells("order_delayed", sendAt=at.isoformat())
    ready = tells("order_ready", place="Hill Street", sendAt=at.isoformat())
    shop.post(f"/api/deliveries/{ready}/cancel")
    tells("order_delivered")
    first, brought, late, collected, there = chapters(support, story_of(shipped))
    assert re.match(r"\d.* UTC Order shipped Delivered Left \d\d:", first)
    assert re.search(r"Left [\d:.]+ Delivered [\d:.]+$", first)
    assert "UTC Order out for delivery Canceled Canceled " in brought
    assert "UTC Order delayed Canceled Canceled " in late
    assert brought.endswith("Superseded by Order delivered")
    assert late.endswith("Superseded by Order out for delivery")
    assert collected.endswith("A service canceled it, with the API key “shop”.")
    assert "UTC Order delivered Sent Left " in there
    assert "order_" not in words(support.sees(story_of(delayed)))


def test_what_is_planned_is_told_by_the_recipients_own_clock_and_in_utc(
    app, support, tells, shop, twilio, rows
):
    at = datetime(2026, 12, 4, 14, 0, 0, tzinfo=UTC)
    planned = tells("order_shipped")
    change(app, Delivery, state="pending", due_at=at)
    expected = "Planned for Fri 4 Dec, 09:00 (America/New_York) · 4 Dec 2026, 14:00:00 UTC"
    assert expected in chapters(support, story_of(planned))[0]
    assert expected.removeprefix("Planned for ") in says(support, page_of(rows.delivery))
    change(app, Delivery, time_zone="Asia/Seoul")
    assert "Fri 4 Dec, 23:00 (Asia/Seoul)" in chapters(support, story_of(planned))[0]


def test_what_was_told_too_late_is_superseded_by_what_came_before_it(support, tells, twilio):
    tells("order_delivered")
    late = tells("order_out_for_delivery")
    _, pointless = chapters(support, story_of(late))
    assert pointless.endswith("Superseded by Order delivered")


def test_another_persons_order_of_the_same_name_supersedes_nothing(support, tells, twilio):
    tells("order_delivered", "of-carol-1001", phone=CAROL)
    tells("order_delivered", "first-of-alice")
    late = tells("order_delayed")
    tells("order_delivered", "of-carol-again", phone=CAROL)
    page = support.sees(story_of(late)).text
    (superseding,) = re.findall(r'Superseded by <a href="/console/deliveries/([^"]+)"', page)
    assert superseding == re.findall(IDS, page)[1]
    said = chapters(support, story_of(late))
    assert "the number that ends in 0 1 2 3" in said[1]
    assert "the number that ends in 0 1 2 3" not in said[0]
    assert "the number that ends in 0 1 9 9" in said[0]


def test_why_nothing_was_sent_is_told(app, support, tells, twilio):
    opt_out(app, BOB)
    stopped = tells("order_shipped", phone=BOB)
    (told,) = chapters(support, story_of(stopped))
    assert told.endswith("The number has opted out of all texts.")


def test_why_it_failed_is_told(support, tells, twilio):
    twilio.rejects(21211)
    failed = tells("order_shipped")
    (told,) = chapters(support, story_of(failed))
    assert "21211" in told


def test_a_story_can_be_of_one_kind(support, tells, twilio):
    tells("order_shipped")
    there = tells("order_delivered")
    page = support.sees(f"{story_of(there)}?kind=order_delivered")
    assert re.findall(IDS, page.text) == [there]
    assert '<option value="order_delivered" selected>Order delivered</option>' in page.text
    assert "Question received" not in page.text  # no order's kind
    none = says(support, f"{story_of(there)}?kind=order_ready")
    assert "None of this kind." in none
    assert len(chapters(support, f"{story_of(there)}?kind=nonsense")) == 2


def test_a_superseded_one_names_what_superseded_it_though_that_is_of_another_kind(
    support, tells, twilio
):
    at = datetime.now(UTC) + HOUR
    late = tells("order_delayed", sendAt=at.isoformat())
    tells("order_delivered")
    (told,) = chapters(support, f"{story_of(late)}?kind=order_delayed")
    assert told.endswith("Superseded by Order delivered")


def test_a_numbers_texts_can_be_of_one_kind_page_by_page(support, shop, tells, twilio, rows):
    shop.ships_many(30, prefer="respond-async")
    there = tells("order_delivered")
    page = number_page(rows.all(Delivery)[0])
    assert walk(support, f"{page}?kind=order_delivered", IDS) == [there]
    assert len(walk(support, f"{page}?kind=order_shipped", IDS)) == 30
    assert len(walk(support, page, IDS)) == 31
    assert "Nothing of this kind." in says(support, f"{page}?kind=order_ready")


def test_what_was_found_can_be_of_one_kind(support, shop, tells, twilio):
    for kind in ("order_shipped", "order_delivered", "order_ready"):
        tells(kind, "event-1001", place="Hill Street")
    page = look_for(support, "event-1001").text
    assert len(re.findall(IDS, page)) == 3
    assert page.count("<option") == 4
    chosen = support.posts("/console/search", q="event-1001", kind="order_ready").text
    assert len(re.findall(IDS, chosen)) == 1
    assert "Order ready, order 1001" in chosen


VISIT = {"appointmentId": "A-7", "orderId": None, "trackingUrl": None}
BERLIN = {"timeZone": "Europe/Berlin", "place": "Hill Street 1"}


def test_an_appointments_story_tells_how_it_stands_and_what_is_planned(
    app, support, tells, twilio, rows
):
    visit = VISIT | BERLIN | {"startsAt": "2082-12-04T14:00:00+01:00", "remindBefore": ["P1D"]}
    booked = tells("appointment_booked", **visit)
    told, reminder = chapters(support, story_of(booked))
    assert "Appointment booked Sent" in told
    assert "Appointment reminder Waiting to be sent" in reminder
    assert "Planned for Thu 3 Dec, 14:00 (Europe/Berlin) · 3 Dec 2082, 13:00:00 UTC" in reminder
    page = says(support, story_of(booked))
    assert "All about appointment A-7 Not confirmed It is on Fri 4 Dec, 14:00" in page
    assert "4 Dec 2082, 13:00:00 UTC , Hill Street 1" in page
    text_in(app, sid(50), ALICE, "C")
    assert "Confirmed by the customer" in says(support, story_of(booked))
    moved = visit | {"startsAt": "2082-12-05T14:00:00+01:00"}
    tells("appointment_moved", **moved)
    first, planned, *_ = chapters(support, story_of(booked))
    assert first.startswith(told[:20])
    assert planned.endswith("Superseded by Appointment moved")
    tells("appointment_canceled", **VISIT)
    assert "Canceled It was to be Sat 5 Dec" in says(support, story_of(booked))
    late = tells("appointment_booked", "booked-late", **visit)
    assert chapters(support, story_of(late))[-1].endswith("Superseded by Appointment canceled")
    assert "appointment_" not in words(support.sees(story_of(booked)))
