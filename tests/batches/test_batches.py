"""A batch is looked at first, started by the right person, stopped at once, and sent once."""

import csv
import io
from collections import Counter
from datetime import timedelta

import pytest

from smsapp.batches import acts, expanding, handing_in, judging, progress
from smsapp.batches.handing_in import By
from smsapp.errors import (
    BatchBusy,
    BatchHasFaults,
    BatchNameTaken,
    BatchNotInState,
    BatchRepeated,
    FourEyes,
)
from smsapp.extensions import database_now, db
from smsapp.models import (
    Batch,
    BatchRow,
    BatchState,
    Delivery,
    DeliveryState,
    Phone,
    RowState,
)
from smsapp.providers.outcomes import Refused
from smsapp.retention import batches as retention
from tests.batches.conftest import as_file, by_command, draft, erase, kept, number, ready
from tests.conftest import (
    change,
    make_due,
    on_one_database,
    opt_out,
    run_worker,
    settings_of,
)

ANNOUNCED = {"kind": "announcement", "purpose": "support", "text": "Hello ((name)), we moved."}
BY = by_command()


def hand_in(content, by=BY, **more):
    return judging.hand_in(draft(**more), as_file(content), by)[0]


def started(content, **more):
    batch_id = hand_in(content, **more)
    acts.start(batch_id, BY, skip_faulty=True)
    return batch_id


def states(table=Delivery):
    return Counter(row.state for row in kept(table))


def results(batch_id):
    return list(csv.DictReader(io.StringIO("".join(progress.results(batch_id)))))


def test_nothing_leaves_before_it_is_started_and_then_each_row_once(in_app, twilio):
    batch_id = hand_in(ready(3))
    expanding.tick()
    assert kept(Delivery) == []
    acts.start(batch_id, BY, skip_faulty=False)
    expanding.tick()
    run_worker(in_app)
    change(in_app, Batch, look_at=None)  # or it is looked at again in two seconds
    expanding.tick()
    assert sorted(call["to"] for call in twilio.calls) == [number(n) for n in (1, 2, 3)]
    assert progress.of(batch_id).batch.state is BatchState.DONE
    # What a row says is said by its delivery, and not kept twice.
    assert {row.fields for row in kept(BatchRow)} == {None}
    assert {row["status"] for row in results(batch_id)} == {"sent"}


def test_the_same_file_again_texts_nobody_twice(in_app, twilio):
    batch_id = started(ready(2))
    assert judging.hand_in(draft(), as_file(ready(2)), BY) == (batch_id, True)
    with pytest.raises(BatchRepeated):
        hand_in(ready(2), name="july")
    with pytest.raises(BatchNameTaken):
        hand_in(ready(3))


def test_rows_of_events_that_came_before_are_no_second_text(in_app, shop, twilio):
    rows = ready(1).replace("phone", "eventId,phone").replace("+1", "order-1-ready,+1")
    started(rows)
    expanding.tick()
    again = rows + "order-1-ready,+12025550009,9,x,2026-06-02T09:00:00Z\n"
    report = judging.judge(draft("july"), as_file(again.replace("+12025550009", number(2))))
    assert (report.duplicates, report.faulty) == (1, 1)
    started(again, name="july")
    expanding.tick()
    assert states(BatchRow) == {RowState.ACCEPTED: 1, RowState.DUPLICATE: 1, RowState.FAULTY: 1}
    assert len(kept(Delivery)) == 1


def test_a_paused_batch_hands_nothing_on_until_it_is_resumed(in_app, twilio):
    batch_id = started(ready(3))
    with settings_of(in_app, MESSAGES_PER_SECOND="1", QUIET_HOURS="none"):
        expanding.tick()  # one row, for that is what leaves within a second
    acts.pause(batch_id, BY)
    run_worker(in_app)
    expanding.tick()
    run_worker(in_app)
    assert len(twilio.calls) == 1
    acts.resume(batch_id, BY)
    expanding.tick()
    run_worker(in_app)
    assert len(twilio.calls) == 3


def test_what_is_canceled_never_leaves_and_the_results_say_so(in_app, twilio):
    batch_id = started(ready(3))
    with settings_of(in_app, MESSAGES_PER_SECOND="1", QUIET_HOURS="none"):
        expanding.tick()  # one row, for that is what leaves within a second
    assert states(BatchRow) == {RowState.ACCEPTED: 1, RowState.WAITING: 2}
    acts.cancel(batch_id, BY)
    acts.cancel(batch_id, BY)
    expanding.tick()
    run_worker(in_app)
    assert twilio.calls == []
    assert {row["status"] for row in results(batch_id)} == {"canceled"}
    with pytest.raises(BatchNotInState):
        acts.resume(batch_id, BY)


def test_what_is_in_the_air_when_its_batch_is_canceled_is_not_tried_again(in_app, twilio):
    batch_id = started(ready(1))
    expanding.tick()

    def refuses_for_now():
        with in_app.app_context():
            acts.cancel(batch_id, BY)
        return Refused(429, 20429, None)

    twilio.answers.append(refuses_for_now)
    run_worker(in_app)
    assert [row.state for row in kept(Delivery)] == [DeliveryState.PENDING]
    make_due(in_app)
    run_worker(in_app)
    assert [row.state for row in kept(Delivery)] == [DeliveryState.EXPIRED]
    assert len(twilio.calls) == 1


def test_nothing_of_a_batch_is_handed_on_while_events_are_due(in_app, shop, twilio):
    with settings_of(in_app, MESSAGES_PER_SECOND="4", QUIET_HOURS="none"):
        shop.ships_many(4, prefer="respond-async")
        started(ready(10))
        expanding.tick()
        assert {row.kind for row in kept(Delivery)} == {"order_shipped"}
        run_worker(in_app)
        expanding.tick()
        assert states(BatchRow)[RowState.ACCEPTED] in range(1, 4)


def test_who_handed_in_a_large_batch_does_not_start_it(in_app, make_operator):
    anna, ben, shop = make_operator("anna"), make_operator("ben"), By("shop", api_key_id=None)
    with settings_of(in_app, BATCH_FOUR_EYES="1"):
        batch_id = hand_in(ready(2), by=anna)
        for nobody in (anna, shop, BY):
            with pytest.raises(FourEyes):
                acts.start(batch_id, nobody, skip_faulty=False)
        acts.start(batch_id, ben, skip_faulty=False)
    deeds = [(deed.act, deed.by) for deed in progress.of(batch_id).deeds]
    assert deeds == [("handed_in", "operator anna"), ("started", "operator ben")]


def test_rows_with_faults_keep_all_back_until_somebody_leaves_them_out(in_app):
    batch_id = hand_in(ready(1) + "nobody,2,x,\n")
    with pytest.raises(BatchHasFaults):
        acts.start(batch_id, BY, skip_faulty=False)
    acts.start(batch_id, BY, skip_faulty=True)
    broken = hand_in("phone,orderId,place\nnobody,2,x\n", name="july")
    with pytest.raises(BatchHasFaults):
        acts.start(broken, BY, skip_faulty=True)


def test_an_announcement_is_for_those_in_the_ledger_alone_and_says_how_to_stop(
    in_app, twilio, agreed
):
    agreed(number(1), "support")
    rows = f"phone,name,consentAt\n{number(1)},Ann,\n{number(2)},Bob,2026-06-02T09:00:00Z\n"
    with settings_of(in_app, SHOP_NAME="Corner Books", QUIET_HOURS="none"):
        started(rows, **ANNOUNCED)
        expanding.tick()
        run_worker(in_app)
    (call,) = twilio.calls
    assert call["to"] == number(1)
    assert call["body"] == "Corner Books: Hello Ann, we moved. Reply STOP to stop."
    assert states() == {DeliveryState.SENT: 1, DeliveryState.SUPPRESSED: 1}


def test_a_gap_that_is_empty_is_a_fault_of_its_row(in_app):
    rows = f"phone,name\n{number(1)},\n"
    (fault,) = judging.judge(draft(**ANNOUNCED), as_file(rows)).faults
    assert (fault["row"], fault["column"]) == (2, "name")


def test_there_is_no_address_for_announcements(shop):
    assert shop.post("/api/events/announcement", json={}).status_code == 404


def test_what_waits_for_morning_waits_as_a_row(in_app, agreed):
    agreed(number(1), "support")
    with settings_of(in_app, QUIET_HOURS="00:00-23:59"):
        batch_id = started(f"phone,name\n{number(1)},Ann\n", **ANNOUNCED)
        expanding.tick()
    assert kept(Delivery) == []
    assert progress.of(batch_id).rows == {RowState.WAITING: 1}


def test_a_stop_or_an_erasure_in_between_holds(in_app, twilio):
    batch_id = started(ready(3))
    opt_out(in_app, number(1))
    erase(number(2))
    expanding.tick()
    run_worker(in_app)
    assert [call["to"] for call in twilio.calls] == [number(3)]
    assert states(BatchRow) == {RowState.GONE: 1, RowState.ACCEPTED: 2}
    assert [row["status"] for row in results(batch_id)] == ["suppressed", "gone", "sent"]


def test_a_formula_does_not_come_back_alive(in_app):
    rows = ready(1).replace("phone", "eventId,phone").replace("+1", "=cmd|x!A1,+1")
    (row,) = results(hand_in(rows))
    assert row["event_id"] == "'=cmd|x!A1"
    assert number(1)[1:] not in "".join(row.values())


def test_what_was_never_judged_to_its_end_is_handed_in_anew(in_app):
    content = ready(2)
    whole = draft()
    handing_in.begin(whole, whole.content_hash(as_file(content)), 2, BY)
    with pytest.raises(BatchBusy):
        hand_in(content)
    with db.engine.begin() as conn:
        past = database_now(conn) - handing_in.LONGEST
        conn.execute(Batch.__table__.update().values(created_at=past))
    assert progress.of(hand_in(content)).rows == {RowState.WAITING: 2}


@on_one_database
def test_looking_alone_keeps_nothing(in_app):
    assert judging.judge(draft(), as_file(ready(3))).would_send == 3
    assert kept(Batch) == kept(BatchRow) == kept(Phone) == []


def test_what_nobody_started_is_blanked_in_time(in_app):
    hand_in(ready(2))
    assert retention.blank() == 0
    with db.engine.begin() as conn:
        past = database_now(conn) - timedelta(days=31)
        conn.execute(Batch.__table__.update().values(created_at=past))
    assert (retention.count(), retention.blank()) == (2, 2)
    assert {row.fields for row in kept(BatchRow)} == {None}
