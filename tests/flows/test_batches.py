"""A batch goes out whole and once, though processes are killed in the middle of it."""

import time

import pytest
from sqlalchemy import func, select

from smsapp.models import Delivery
from tests.batches.conftest import number, ready
from tests.system import kill, wait_for

ROWS = 300


def deliveries(system):
    """Return how many rows were handed to the senders."""
    with system.engine.connect() as conn:
        return conn.scalar(select(func.count()).select_from(Delivery))


@pytest.mark.long
def test_a_batch_that_is_paused_and_whose_workers_are_killed_texts_each_row_once(system, tmp_path):
    system.environment |= {
        "LEASE_SECONDS": "15",
        "RECONCILE_GRACE_SECONDS": "2",
        "EMBEDDED_WORKER": "false",
        "MESSAGES_PER_SECOND": "60",
        "QUIET_HOURS": "none",
    }
    file = tmp_path / "june.csv"
    file.write_text(ready(ROWS))
    system.web()
    worker = system.worker()
    system.command("batch", "send", str(file), "--kind", "order_ready", "--yes")
    wait_for(lambda: len(system.texts()) > ROWS // 10)
    kill(worker)
    worker = system.worker()
    wait_for(lambda: len(system.texts()) > ROWS // 3)
    system.command("batch", "pause", "june")
    handed_on = deliveries(system)
    time.sleep(2)
    assert deliveries(system) == handed_on < ROWS
    system.command("batch", "resume", "june")
    wait_for(lambda: len(system.texts()) > ROWS // 2)
    kill(worker)
    system.worker()

    wait_for(lambda: len(system.texts()) == ROWS and system.unsettled() == 0, seconds=100)
    assert system.texts() == {number(n): 1 for n in range(1, ROWS + 1)}
    results = tmp_path / "results.csv"
    system.command("batch", "results", "june", "--out", str(results))
    assert len(results.read_text().splitlines()) == ROWS + 1
