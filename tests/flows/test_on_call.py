"""Somebody is woken, step by step, while the web process and the worker are killed all the time."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from smsapp.extensions import db
from smsapp.models import Incident, IncidentPage
from tests.conftest import a_database, make_app, with_schema
from tests.oncall.conftest import ANN, BEN, CARL, NUMBERS, put_in
from tests.system import System, installation, kill, post, wait_for

pytestmark = pytest.mark.long

KILLED_EVERY = 2.0
STEPS = 4
WHOM = ("Ann", "Ann", "Ben", "Carl")
EVENT = {
    "eventId": "checkout-is-down",
    "incidentKey": "checkout",
    "title": "Checkout is down",
    "severity": "critical",
}


@contextmanager
def on_call_at(url: str, folder: Path, minutes: float = 0.1, **more: str) -> Iterator[System]:
    """Set up an installation where Ann, Ben and Carl can be paged, at an empty database.

    Each has so many minutes to answer.
    """
    waits = [minutes] * (STEPS - 1) + [60]
    steps = "".join(
        f"[[steps]]\nwhom = '{name}'\nminutes = {wait}\n"
        for name, wait in zip(WHOM, waits, strict=True)
    )
    policy = folder / "escalation.toml"
    last = "[last_resort]\nwhom = 'everybody'\n"
    policy.write_text(f"time_zone = 'UTC'\nrepeat = 0\n{steps}{last}")
    settings = {
        "ONCALL_POLICY": str(policy),
        "EMBEDDED_WORKER": "false",
        "RECONCILE_GRACE_SECONDS": "1",
    }
    with installation(url, folder, posts_texts=True, **settings | more) as system:
        app = make_app(**system.environment)
        for name, e164 in NUMBERS.items():
            put_in(app, name, e164)
        with app.app_context():
            db.engine.dispose()
        yield system


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    with (
        a_database(request, tmp_path, with_schema(request)) as url,
        on_call_at(url, tmp_path) as system,
    ):
        yield system


def pages(system: System) -> list[int]:
    """Return the steps that were taken."""
    with system.engine.connect() as conn:
        return list(conn.scalars(select(IncidentPage.step).order_by(IncidentPage.id)))


def under_fire(system: System, seconds: int = 110) -> int:
    """Let an incident go through its steps while all is killed; return how often it was."""
    told, rounds, deadline = None, 0, time.monotonic() + seconds
    while len(pages(system)) < STEPS:
        assert time.monotonic() < deadline, pages(system)
        url, web = system.web()
        worker = system.worker()
        while told is None:
            told = post(url, system.key, EVENT, "/api/events/incident_opened")
        time.sleep(KILLED_EVERY)
        kill(web)
        kill(worker)
        system.processes.clear()  # the next one has its address
        rounds += 1
    return rounds


def test_each_step_is_taken_once_whoever_is_killed(system):
    assert under_fire(system) > 3
    url, _ = system.web()
    worker = system.worker()
    assert post(url, system.key, EVENT, "/api/events/incident_opened")[1]["duplicate"] is True
    wait_for(lambda: not system.unsettled(), worker, 60)
    time.sleep(2)
    assert pages(system) == [*range(STEPS)]
    assert system.texts() == Counter({ANN: 2, BEN: 1, CARL: 1})
    system.sandbox.text(CARL, "1")

    def who():
        with system.engine.connect() as conn:
            return conn.scalar(select(Incident.acknowledged_by))

    wait_for(lambda: who() == "Carl", worker)
    wait_for(lambda: sum(system.texts().values()) == 7, worker)
    said = {(each["to"], each["body"]) for each in system.sandbox.messages()[:3]}
    assert said == {
        (ANN, "Carl has it: Checkout is down."),
        (BEN, "Carl has it: Checkout is down."),
        (CARL, "You have it: Checkout is down."),
    }
