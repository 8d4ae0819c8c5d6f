"""A kind of event is a file and a row of a table: one that is made here goes the whole way."""

from datetime import datetime

import pytest

from smsapp.events import kinds
from smsapp.events.fields import Event, Reference, order_max_age, text
from smsapp.events.kind import Kind
from smsapp.watch import roll_up
from tests.conftest import settings_of, shipment
from tests.events.test_accepting import at_night
from tests.web.test_console_pages import look_for, says
from tests.web.test_overview import words

__all__ = ["at_night"]  # a fixture


# All that a new kind takes, with its row below.
class LoanDue(Event):
    """What a library says when a book is to come back."""

    loan_id: Reference


LOAN_DUE = Kind(
    name="loan_due",
    title="Loan due soon",
    purpose="order_updates",
    body=LoanDue,
    about="loan",
    subject=lambda event: event.loan_id,
    content=lambda event: [event.loan_id],
    words=lambda event, settings: text(settings, f"Bring back loan {event.loan_id}."),
    max_age=order_max_age,
    waits_for_morning=True,
)


@pytest.fixture
def lends(shop, monkeypatch):
    """Tell of a loan, once there is such a kind."""
    monkeypatch.setitem(kinds.KINDS, LOAN_DUE.name, LOAN_DUE)

    def post(query="", **changes):
        event = shipment("loan-77-due", orderId=None, trackingUrl=None, loanId="77") | changes
        return shop.post(f"/api/events/loan_due{query}", json=event)

    return post


def test_it_is_accepted_waits_for_morning_and_arrives(app, lends, shop, twilio, at_night):
    assert lends(loanId="").json["details"]["fieldErrors"] == {
        "loanId": ["must have at least 1 character"]
    }
    would = lends("?dryRun=true").json
    assert (would["wouldSend"], would["why"]["code"]) == (True, "planned")
    assert (would["body"], would["segments"]) == ("Bring back loan 77.", 1)
    answer = lends()
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert datetime.fromisoformat(answer.json["sendAt"]) == at_night
    assert would["sendAt"] == answer.json["sendAt"]
    assert lends().json["duplicate"] is True
    assert lends(loanId="78").json["error"] == "event_id_reused"
    assert twilio.calls == []
    found = shop.get("/api/deliveries?kind=loan_due").json["data"]
    assert [(row["subject"], row["loanId"]) for row in found] == [("77", "77")]


def test_it_stands_in_the_contract_with_its_fields(lends, client):
    contract = client.get("/openapi.json").json
    told = contract["paths"]["/api/events/loan_due"]["post"]
    assert (told["operationId"], told["summary"]) == ("loan_due", "Loan due soon")
    assert told["description"].startswith("What a library says when a book is to come back.")
    schemas = contract["components"]["schemas"]
    assert "loanId" in schemas["LoanDue"]["required"]
    assert "loanId" in schemas["Outline"]["properties"]


def test_it_leaves_by_day_and_support_reads_its_title(app, lends, shop, twilio, support, rows):
    with settings_of(app, QUIET_HOURS="none"):
        assert lends().json["status"] == "sent"
    with app.app_context():
        roll_up.run(30)
    page = look_for(support, "77").headers["Location"]
    assert "Loan due soon, loan 77" in says(support, page)
    story = says(support, f"{page}/subject")
    assert "All about loan 77" in story
    assert "Loan due soon Sent" in story
    overview = words(support.sees("/console/overview"))
    assert "Loan due soon – 1 0 0" in overview
    for seen in (says(support, page), story, overview):
        assert "loan_due" not in seen
    (there,) = shop.get("/api/deliveries?subject=77").json["data"]
    assert (there["kind"], there["status"]) == ("loan_due", rows.delivery.state)
