"""Who is put in is paged once they have proved their number, and no longer than they are in."""

from datetime import UTC, datetime

from sqlalchemy import update

from smsapp.models import Consent, Handover, OnCallPerson, Phone
from smsapp.oncall import people
from smsapp.recipients.customers import Visitor
from smsapp.retention import erasure, numbers
from tests.conftest import change, past_triggers, sid, text_in
from tests.fake_verify import CODE
from tests.oncall.conftest import ANN, BEN

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def test_a_command_puts_somebody_in_and_a_code_proves_it(app, run, verify, rows):
    assert "flask oncall verify" in run("oncall", "add", "Dora", ANN).output
    assert rows.one(OnCallPerson).verified_at is None
    said = run("oncall", "verify", "Dora", input=f"000000\n{CODE}\n")
    assert said.exit_code == 0, said.output
    assert "That is not the code" in said.output
    assert "Dora is paged from now on." in said.output
    assert rows.one(OnCallPerson).verified_at
    grant = rows.one(Consent)
    assert (grant.purpose, grant.action, grant.source) == ("on_call", "granted", "operator")
    assert grant.verify_sid
    assert ANN not in said.output


def test_who_has_not_proved_their_number_is_not_paged(app, opens, works, run, crew):
    with app.app_context():
        person = people.named("Ann")
    change(app, OnCallPerson, verified_at=None)
    opens()
    assert works() == []
    assert person.verified_at


def test_who_is_taken_out_is_paged_no_more_and_off_the_rota(app, opens, works, run, rows, crew):
    assert run("oncall", "remove", "Ann").exit_code == 0
    assert [row.person_id for row in rows.all(Handover)] == [crew.ben]
    last = max(rows.all(Consent), key=lambda row: row.at)
    assert (last.purpose, last.action) == ("on_call", "withdrawn")
    opens()
    assert [name for name, _ in works()] == ["Ben"]
    assert run("oncall", "remove", "Ann").exit_code == 1


def test_who_is_erased_is_off_call_and_forgotten(app, opens, works, rows, crew):
    with app.app_context():
        erasure.erase(Visitor(people.named("Ann").phone_key, None))
    ann = next(row for row in rows.all(OnCallPerson) if row.id == crew.ann)
    assert (ann.name, ann.left_at is not None) == ("", True)
    opens()
    assert [name for name, _ in works()] == ["Ben"]


def test_a_number_and_a_name_are_put_in_once(app, run, crew):
    assert "already" in run("oncall", "add", "Ann", "+12025550199").output
    assert "Ann has that number already" in run("oncall", "add", "Anna", ANN).output
    assert run("oncall", "add", " ", "+12025550199").exit_code == 1


def test_commands_change_the_rota_and_tell_it(app, run, crew):
    assert run("oncall", "hand-over", "Carl", "friday", "18:00").exit_code == 0
    assert run("oncall", "override", "Ben", "2040-01-02T08:00", "2040-01-03T08:00").exit_code == 0
    said = run("oncall", "rota").output
    assert "Friday 18:00, Carl" in said
    assert "2040-01-02 08:00 to 2040-01-03 08:00, Ben" in said
    assert "By the clock of Europe/Berlin:" in said
    number = said.split("override ")[1].split(":")[0]
    assert run("oncall", "drop", "override", number).exit_code == 0
    assert "2040" not in run("oncall", "rota").output
    for wrong in (
        ("hand-over", "Carl", "friday", "25:00"),
        ("hand-over", "Emil", "friday", "18:00"),
        ("override", "Ben", "2040-01-03T08:00", "2040-01-02T08:00"),
    ):
        assert run("oncall", *wrong).exit_code == 1


def test_a_command_pages_one_to_try_it(app, run, works, crew):
    assert run("oncall", "page", "Carl").exit_code == 0
    assert [name for name, _ in works()] == ["Carl"]
    assert "can be paged" in run("oncall", "list").output


def test_somebody_on_call_who_is_a_customer_keeps_both_apart(app, shop, opens, works, crew, twilio):
    """A shop's text needs a consent of its own; a page rests on theirs for pages alone."""
    refused = shop.ships("event-of-ann", phone=ANN, consentAt=None)
    assert refused.status_code == 400
    delayed = {"eventId": "event-delayed", "phone": ANN, "orderId": "1", "expectedOn": "2040-01-01"}
    assert shop.post("/api/events/order_delayed", json=delayed).json["error"] == "no_consent"
    opens()
    assert [name for name, _ in works()] == ["Ann"]


def test_after_a_stop_an_erased_and_new_person_is_not_paged_by_old_words(app, opens, works, crew):
    text_in(app, sid(70_001), ANN, "STOP")
    opens()
    assert [name for name, _ in works()] == ["Ben"]
    text_in(app, sid(70_002), ANN, "START")
    opens("web")
    assert [name for name, _ in works()] == ["Ann"]


def test_the_number_of_somebody_on_call_is_not_forgotten_however_long_all_is_well(
    app, rows, write, crew
):
    long_ago = {"used_at": EPOCH, "created_at": EPOCH, "verified_at": None}
    write(
        lambda _now: update(Phone).values(**long_ago),
        lambda now: update(OnCallPerson).where(OnCallPerson.name == "Carl").values(left_at=now),
    )
    with past_triggers(app) as conn:
        conn.execute(update(Consent).values(at=EPOCH))
    with app.app_context():
        numbers.forget_unused()
    assert sorted(filter(None, (row.e164 for row in rows.all(Phone)))) == [ANN, BEN]
