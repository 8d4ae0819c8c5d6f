"""Step by step until somebody has it; each step once, whatever dies and wherever the clock goes."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from smsapp import clock_steps
from smsapp.extensions import database_now, db, reading
from smsapp.models import Door, Incident, IncidentPage
from smsapp.oncall import acknowledging, escalation, paging
from smsapp.oncall.acknowledging import Taker
from smsapp.watch import alarms
from tests.conftest import at_once, run_worker, sid, text_in
from tests.oncall.conftest import ANN, BEN, CARL, MINUTE, earlier


def test_who_sleeps_is_followed_by_the_next_until_nobody_is_left(
    app, opens, works, passes, rows, crew
):
    opens()
    went = [[name for name, _ in works()]]
    for minutes in (5, 5, 10, 15, 5, 5, 10, 15):
        passes(minutes * MINUTE - timedelta(seconds=5))
        assert works() == []
        passes(timedelta(seconds=10))
        went.append([name for name, _ in works()])
    once = [["Ann"], ["Ann"], ["Ben"], ["Carl"]]
    assert went == [*once, *once, ["Ann", "Ben", "Carl"]]
    row = rows.one(Incident)
    assert (row.step_due_at, row.state) == (None, "open")
    with app.app_context():
        from smsapp.oncall.alarms import RULES

        alarms.evaluate(RULES)
        kinds = [alarm.kind for alarm in alarms.open_alarms()]
    assert kinds == ["incident_unanswered"]


def test_with_a_reply_all_steps_end_and_who_was_told_learns_who_has_it(
    opens, works, passes, replies, crew
):
    opens()
    works()
    for minutes in (5, 5):
        passes(minutes * MINUTE + timedelta(seconds=5))
        works()
    assert replies(BEN, "1") == ["You have it: db is down."]
    assert works() == [("Ann", "Ben has it: db is down.")]
    passes(60 * MINUTE)
    assert works() == []


def test_nobody_gets_twice_what_two_workers_tell_at_once(app, opens, rows, twilio, crew):
    for number in range(4):
        opens(f"key-{number}")

    def work():
        with app.app_context():
            escalation.tick()

    at_once(work, work, work)
    run_worker(app)
    assert len(rows.all(IncidentPage)) == len(twilio.calls) == 4


@pytest.mark.parametrize("where", ["tell", "_went_on"])
def test_a_worker_that_dies_within_a_step_leaves_all_of_it_to_the_next(
    app, opens, works, rows, monkeypatch, where, crew
):
    opens()
    module = paging if where == "tell" else escalation
    real = getattr(module, where)

    def dies(*args, **kwargs):
        real(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, app.app_context():
        patch.setattr(module, where, dies)
        with pytest.raises(KeyboardInterrupt):
            escalation.tick()
    assert rows.all(IncidentPage) == []
    assert [name for name, _ in works()] == ["Ann"]
    assert works() == []


def test_a_clock_set_back_neither_skips_a_step_nor_puts_it_off(app, opens, works, rows, crew):
    opens()
    works()
    with app.app_context(), db.engine.begin() as conn:
        clock_steps.catch_up(conn)
    # All that was written lies two hours ahead of what the clock now says.
    from smsapp.models import ScheduledJob

    ahead = -timedelta(hours=2)
    earlier(app, Incident, ahead, "step_due_at", "stepped_at", "opened_at", "seen_at")
    earlier(app, ScheduledJob, ahead, "due_at")
    with app.app_context(), db.engine.begin() as conn:
        clock_steps.catch_up(conn)
        now = database_now(conn)
    left = rows.one(Incident).step_due_at - now
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)
    assert works() == []


def test_whoever_has_it_a_moment_before_the_step_spares_the_next(app, opens, works, passes, crew):
    incident_id = opens().json["incidentId"]
    works()
    passes(6 * MINUTE)
    with app.app_context():
        from uuid import UUID

        acknowledging.by_name(UUID(incident_id), Taker("Olga", Door.CONSOLE))
    assert works() == [("Ann", "Olga has it: db is down.")]


def test_what_has_not_left_when_somebody_has_it_never_does(app, opens, replies, rows, twilio, crew):
    opens()
    with app.app_context():
        escalation.tick()
    assert replies(ANN, "1") == ["You have it: db is down."]
    from smsapp.models import Delivery

    states = {row.kind: row.state for row in rows.all(Delivery)}
    assert states == {"incident_paged": "canceled", "answer": "sent"}


def test_a_step_by_call_goes_by_text_where_no_calls_are_set_up(app, opens, works, passes, crew):
    opens()
    works()
    passes(6 * MINUTE)
    ((name, words),) = works()
    assert name == "Ann"
    assert words.startswith("Still open: CRITICAL: db is down.")


def test_a_test_page_is_told_to_one_and_is_over_with_their_answer(
    app, works, replies, rows, passes, crew
):
    from smsapp.oncall import incidents, people

    with app.app_context():
        incidents.test_page(people.named("Carl"))
    ((name, words),) = works()
    assert (name, words[:31]) == ("Carl", "This is a test for Carl. Reply ")
    assert replies(CARL, "1") == ["You have it: This is a test for Carl."]
    assert rows.one(Incident).state == "resolved"
    passes(2 * 60 * MINUTE)
    assert works() == []


def test_quiet_hours_and_the_daily_limit_put_no_page_off(app, opens, works, passes, twilio, crew):
    from tests.conftest import settings_of
    from tests.oncall.conftest import POLICY

    config = {"ONCALL_POLICY": POLICY, "QUIET_HOURS": "00:00-23:59", "ONCALL_STORM": "50"}
    with settings_of(app, MAX_TEXTS_PER_NUMBER_PER_DAY="1", **config):
        for number in range(3):
            opens(f"key-{number}")
        assert len(works()) == 3


def test_there_is_something_due_before_a_write_lock_is_taken(app, crew):
    with app.app_context():
        assert not escalation._is_anything_due()
        with reading() as conn:
            assert conn.execute(select(Incident.id)).all() == []


def test_steps_replies_ends_and_news_at_once_wait_for_each_other_in_no_circle(
    app, opens, resolves, replies, rows, crew
):
    for number in range(12):
        opens(f"key-{number}")
    with app.app_context():
        escalation.tick()
    for number in range(12, 24):
        opens(f"key-{number}")
    faults = []

    def tries(call):
        def run():
            try:
                with app.app_context():
                    call()
            except Exception as error:
                faults.append(error)

        return run

    ends = [lambda n=n: resolves(f"key-{n}", event_id=f"over-{n}-now") for n in range(0, 24, 5)]
    says = [
        lambda e164=e164, n=n: text_in(app, sid(80_000 + n), e164, "99")
        for n, e164 in enumerate((ANN, BEN, CARL))
    ]
    steps = [escalation.tick] * 3
    at_once(*map(tries, [*steps, *says, *ends]))
    with app.app_context():
        escalation.tick()
    assert faults == []
    assert {row.state for row in rows.all(Incident)} <= {"open", "acknowledged", "resolved"}
    told = [(row.incident_id, row.step, row.person_id) for row in rows.all(IncidentPage)]
    assert len(told) == len(set(told))
