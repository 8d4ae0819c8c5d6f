"""Whom no text reaches gets one mail, whatever the mail server and our processes do meanwhile."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from smsapp.models import Delivery
from tests.conftest import a_database, on_one_database, with_schema
from tests.system import System, free_port, installation, kill, order, post, wait_for

EVENTS = 30
LANDLINE = 30006


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """An installation with a mail server, on each database."""
    given = {
        "MAIL_URL": f"smtp://127.0.0.1:{free_port()}",
        "MAIL_FROM": "Corner Books <orders@shop.example>",
        "LEASE_SECONDS": "15",
        "RECONCILE_GRACE_SECONDS": "2",
        "EMBEDDED_WORKER": "false",
    }
    with (
        a_database(request, tmp_path, with_schema(request)) as url,
        installation(url, tmp_path, **given) as system,
    ):
        yield system


def mails(system: System) -> Counter[object]:
    return Counter(mail["to"] for mail in system.sandbox.mails())


@pytest.mark.long
def test_nothing_is_lost_and_nobody_gets_two_mails_while_workers_are_killed(system):
    """A mail that is sent once more has the same Message-ID, and is one in the mailbox."""
    system.sandbox.weather(carrier_error=LANDLINE, mail_silence=15, repeated_receipts=30)
    url, _ = system.web()
    worker = system.worker()
    for number in range(EVENTS):
        event = order(number) | {"email": f"customer{number}@example.com"}
        answer = post(url, system.key, event, Prefer="respond-async")
        assert answer
        assert answer[0] == 202
    for _ in range(2):
        time.sleep(1)
        kill(worker)
        worker = system.worker()
    time.sleep(2)
    system.sandbox.weather(mail_silence=0)
    wait_for(lambda: len(mails(system)) == EVENTS and system.unsettled() == 0, seconds=100)
    assert set(mails(system).values()) == {1}
    assert set(system.texts().values()) == {1}


@on_one_database
def test_a_switched_off_phone_hears_by_mail_after_the_first_retry(system):
    system.environment |= {"EMBEDDED_WORKER": "true"}
    system.sandbox.weather(carrier_error=30003)
    url, _ = system.web()
    event = order(1) | {"email": "ann@example.com"}
    answer = post(url, system.key, event)
    assert answer
    wait_for(lambda: state(system) == "pending")
    system.execute("UPDATE delivery SET due_at = created_at")
    wait_for(lambda: len(system.sandbox.mails()) == 1)
    wait_for(lambda: state(system) == "sent")
    (mail,) = system.sandbox.mails()
    assert "We could not reach your phone ending 01" in str(mail["text"])
    assert len(system.sandbox.messages()) == 2


def state(system: System) -> str:
    with system.engine.connect() as conn:
        return str(conn.execute(select(Delivery.state)).scalar_one())
