"""The sandbox's command lets time pass for the app."""

from datetime import UTC, datetime, timedelta

from smsapp.cli.sandbox import let_pass
from smsapp.extensions import db
from smsapp.models import Delivery, Phone
from tests.conftest import change, run_worker, settings_of, shipment

DAY = timedelta(days=1)


def test_what_is_planned_leaves_once_enough_days_have_passed(app, shop, twilio, rows):
    starts_at = datetime.now(UTC) + 2.5 * DAY
    visit = {"appointmentId": "A-7", "startsAt": starts_at.isoformat(), "remindBefore": ["P1D"]}
    with settings_of(app, QUIET_HOURS="none"):
        shop.post("/api/events/appointment_booked", json=shipment("visit-A-7-booked", **visit))
    texts = []
    with settings_of(app, QUIET_HOURS="00:00-23:59"), app.app_context():  # it leaves before them
        for _ in range(3):
            run_worker(app)
            texts.append(len(twilio.calls))
            let_pass(db.engine, DAY)
    assert texts == [1, 1, 2]
    assert {row.kind: row.state for row in rows.all(Delivery)} == {
        "appointment_booked": "sent",
        "appointment_reminder": "sent",
    }


def test_a_reminder_of_that_day_leaves_though_the_appointment_is_over_by_then(app, shop, twilio):
    starts_at = datetime.now(UTC) + DAY / 2
    visit = {"appointmentId": "A-7", "startsAt": starts_at.isoformat(), "remindBefore": ["PT2H"]}
    with settings_of(app, QUIET_HOURS="none"):
        shop.post("/api/events/appointment_booked", json=shipment("visit-A-7-booked", **visit))
        with app.app_context():
            let_pass(db.engine, DAY)
        run_worker(app)
    assert "You have an appointment" in twilio.calls[-1]["body"]


def test_windows_of_whatsapp_are_that_much_older(app, shop, rows):
    shop.ships("order-1001-shipped")
    wrote_at = datetime.now(UTC)
    change(app, Phone, whatsapp_at=wrote_at)
    with app.app_context():
        let_pass(db.engine, DAY)
    assert [phone.whatsapp_at for phone in rows.all(Phone)] == [wrote_at - DAY]
