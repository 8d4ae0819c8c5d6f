"""What is wrong with who is on call is an alarm; an alarm is an incident where that is wanted."""

from sqlalchemy import delete, insert, update

from smsapp.doctor.on_call import check_on_call
from smsapp.models import Alarm, Handover, Incident, OnCallPerson
from smsapp.oncall import alarms as on_call_alarms
from smsapp.watch import alarms
from tests.conftest import opt_out, settings_of
from tests.oncall.conftest import ANN, POLICY


def found(app):
    with app.app_context():
        alarms.evaluate(on_call_alarms.RULES)
        return {alarm.kind: alarm.sentence for alarm in alarms.open_alarms()}


def test_a_stop_by_somebody_on_call_raises_one_that_says_so(app, crew):
    assert found(app) == {}
    opt_out(app, ANN)
    assert found(app) == {
        "on_call_silenced": "Ann, who is on call, has stopped all texts, so no page reaches them."
    }


def test_an_empty_rota_raises_one_but_not_where_there_is_nobody_at_all(app, crew, write):
    write(lambda _now: delete(Handover))
    assert set(found(app)) == {"nobody_on_call"}
    write(lambda now: update(OnCallPerson).values(left_at=now))
    write(lambda now: delete(Alarm))
    assert found(app) == {}


def raise_one(write, kind="outbox_old"):
    facts = {"seconds": 400}
    write(
        lambda now: insert(Alarm).values(
            kind=kind, subject="", facts=facts, raised_at=now, seen_at=now, tell_tries=0
        )
    )


def test_our_own_alarms_open_incidents_where_that_is_wanted_and_end_them(
    app, crew, write, works, rows
):
    raise_one(write)
    raise_one(write, "on_call_silenced")
    with app.app_context():
        on_call_alarms.tick()
    assert rows.all(Incident) == []
    with settings_of(app, ONCALL_POLICY=POLICY, ALARMS_OPEN_INCIDENTS="true"), app.app_context():
        for _ in range(2):
            on_call_alarms.tell_of_alarms()
        assert [name for name, _ in works()] == ["Ann"]
        row = rows.one(Incident)
        assert row.title == "A text has been due for 6 minutes and is not sent."
        assert (row.severity, row.events) == ("warning", 1)
        write(lambda now: update(Alarm).values(cleared_at=now))
        for _ in range(2):
            on_call_alarms.tell_of_alarms()
        assert rows.one(Incident).state == "resolved"
        assert [words[:5] for _, words in works()] == ["Over:"]


def advice(app):
    with app.app_context():
        return {(finding.mark, finding.words) for finding in check_on_call()}


def test_the_doctor_says_who_is_on_call_and_which_steps_reach_nobody(app, crew, write):
    said = advice(app)
    assert ("ok", "Ann; 3 can be paged") in said
    assert any("steps by call, and no calls are set up" in words for _, words in said)
    write(
        lambda now: update(OnCallPerson).where(OnCallPerson.name == "Carl").values(left_at=now),
        lambda _now: delete(Handover),
    )
    opt_out(app, ANN)
    said = advice(app)
    assert ("FAULT", "Nobody who may be paged is on call now.") in said
    assert any("names “Carl”" in words for mark, words in said if mark == "FAULT")
    assert any("No page reaches Ann" in words for _, words in said)
