"""Forgetting can be killed anywhere and begun again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, func, insert, select

from smsapp.models import Delivery, DeliveryState, Phone
from tests.conftest import ALICE, delivery_row
from tests.system import kill, wait_for

TEXTS = 6000
LONG_AGO = datetime.now(UTC) - timedelta(days=800)
KEY = "a" * 64


def fill(engine):
    """Write texts that ended long ago, to a number that nobody has used since."""
    with engine.begin() as conn:
        phone = {"phone_key": KEY, "e164": ALICE, "country": "US", "created_at": LONG_AGO}
        conn.execute(insert(Phone), phone)
        texts = [
            delivery_row(LONG_AGO, phone_key=KEY, state=DeliveryState.DELIVERED)
            for _ in range(TEXTS)
        ]
        conn.execute(insert(Delivery), texts)


@pytest.mark.long
@pytest.mark.parametrize("system", ["postgresql"], indirect=True)
def test_a_killed_command_leaves_nothing_half_done_and_the_next_goes_on(system):
    engine = create_engine(system.environment["DATABASE_URL"])
    fill(engine)

    def kept():
        with engine.connect() as conn:
            query = select(func.count()).select_from(Delivery)
            count = conn.execute(query.where(Delivery.body != "")).scalar_one()
            half = query.where((Delivery.body == "") != Delivery.blanked_at.is_not(None))
            assert conn.execute(half).scalar_one() == 0
        return int(count)

    first = system.start("flask", "retention", "run")
    wait_for(lambda: kept() < TEXTS)
    kill(first)
    assert kept() < TEXTS
    both = [system.start("flask", "retention", "run") for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert kept() == 0
    with engine.connect() as conn:
        assert conn.execute(select(Phone.e164)).scalar_one() is None
    engine.dispose()
    assert ALICE not in system.logs()
