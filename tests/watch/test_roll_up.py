"""The roll-up says what the deliveries say, whoever counts, and however often."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from smsapp.extensions import db, reading
from smsapp.models import Delivery, HourCount, Phone, RolledHour
from smsapp.watch import roll_up

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def run(app):
    def run_(most_seconds=30.0):
        with app.app_context():
            return roll_up.run(most_seconds)

    return run_


@pytest.fixture
def told(app):
    """Return what the roll-up says: hour, country, state, reason, code, kind and how many."""

    def read():
        with app.app_context(), reading() as conn:
            return Counter(
                {
                    (
                        row.hour,
                        row.country,
                        row.state,
                        row.reason,
                        row.error_code,
                        row.kind,
                    ): row.count
                    for row in conn.execute(select(HourCount.__table__))
                }
            )

    return read


@pytest.fixture
def true(app):
    """Return what the deliveries say."""

    def read():
        with app.app_context(), reading() as conn:
            rows = conn.execute(
                select(Delivery, Phone.country).join(Phone, Phone.phone_key == Delivery.phone_key)
            )
            return Counter(
                (
                    roll_up.hour_of(row.created_at),
                    row.country,
                    row.state,
                    row.reason or "",
                    row.error_code or 0,
                    row.kind,
                )
                for row in rows
            )

    return read


@pytest.fixture
def month(texts, now):
    """Texts over a month, in all kinds of states."""
    for days in (0, 1, 3, 10, 31):
        at = now - days * DAY
        texts(at, 5, country="US")
        texts(at - HOUR, 2, country="FR", state="undelivered", code=30003)
        texts(at - HOUR, 1, country="FR", state="suppressed", reason="opted_out")
        texts(at, 1, country="DE", state="pending")
        texts(at, 1, country="US", kind="order_ready")


def test_the_first_run_counts_all_that_is_there(run, told, true, month):
    assert run() > 700
    assert told() == true()


def test_a_second_run_counts_only_what_may_have_changed(run, told, true, month):
    run()
    assert run() == 2
    assert told() == true()


def test_what_has_changed_is_counted_again(app, run, told, true, texts, now, write):
    texts(now - 90 * timedelta(minutes=1), 10, state="sent")
    run()
    write(lambda _: update(Delivery).values(state="delivered"))
    write(lambda now: update(RolledHour).values(counted_at=now - HOUR))
    run()
    assert told() == true()
    assert {state for _, _, state, _, _, _ in told()} == {"delivered"}


def test_a_back_fill_that_is_cut_short_is_carried_on(run, told, true, month):
    """Each run does what its time allows; killed in between, the next goes on."""
    rounds = 0
    while run(0.0) > 2 or told() != true():
        rounds += 1
        assert rounds < 1000
        if rounds == 5:
            assert 0 < len(told()) < len(true())
            run()
    assert told() == true()


def test_of_two_who_count_at_once_the_later_count_stands(app, now, told):
    hour = roll_up.hour_of(now)
    cell = {
        "country": "US",
        "state": "sent",
        "reason": "",
        "error_code": 0,
        "kind": "order_shipped",
    }
    with app.app_context():
        for at, count in ((now, 5), (now - HOUR, 3)):
            with db.engine.begin() as conn:
                roll_up._write(conn, [(hour, at, [cell | {"count": count}])])
    assert list(told().values()) == [5]


def test_an_hour_without_texts_is_counted_too(run, texts, now, rows):
    texts(now - 5 * HOUR, 1)
    run()
    assert len(rows.all(RolledHour)) == 6


def test_without_a_single_text_there_is_nothing_to_do(run, rows):
    assert run() == 0
    assert rows.all(RolledHour) == []


def test_a_tick_is_done_by_one(app, texts, now, rows):
    texts(now, 1)
    with app.app_context():
        roll_up.tick()
        first = rows.all(RolledHour)
        roll_up.tick()
    assert rows.all(RolledHour) == first


@pytest.mark.parametrize(
    ("age", "rest"),
    [(0, 0), (1.9, 0), (2, 1 / 60), (5, 1 / 60), (7, 1 / 6), (30, 1), (200, 24), (10_000, 24)],
)
def test_the_older_an_hour_the_more_rarely_it_is_counted(age, rest):
    assert roll_up._rest(timedelta(hours=age)) == timedelta(hours=rest)
