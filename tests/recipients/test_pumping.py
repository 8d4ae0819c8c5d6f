"""Fraudsters are made to pay; bystanders meet a small sum at most, and honest crowds nothing."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, insert, update

from smsapp import errors
from smsapp.extensions import database_now, db, new_id
from smsapp.models import Channel, Phone, Verification
from smsapp.recipients import asker, pumping, verification
from tests.conftest import ALICE, BOB, KEY, settings_of
from tests.fake_verify import VERIFY

MINUTE = timedelta(minutes=1)
PREFIX = "+44770"


@dataclass
class Town:
    """All who ask for codes to numbers of one prefix; nothing of it is kept."""

    conn: Connection
    now: datetime

    def ask(self, network, paid_bits=0, prefix=PREFIX):
        """Ask for a code; return what it came to."""
        who = asker.Asker(f"a session on {network}"[:32], network)
        try:
            pumping.ask_for_more(self.conn, prefix, Channel.SMS, who, paid_bits, self.now)
        except errors.ProofRequired as error:
            return error.bits
        except errors.RateLimited as error:
            return timedelta(seconds=error.retry_after)
        return "sent"

    def send(self, network, *, entered=False, count=1):
        """Let so many codes have been sent."""
        row = {
            "phone_key": KEY,
            "prefix": PREFIX,
            "channel": Channel.SMS,
            "network": network,
            "checks": 0,
            "started_at": self.now,
            "approved_at": self.now if entered else None,
        }
        rows = [row | {"id": new_id()} for _ in range(count)]
        self.conn.execute(insert(Verification), rows)

    def crowd(self, count, entered):
        """Let so many ask, each from home, of whom some enter their code; count what came of it."""
        found = Counter()
        for number in range(count):
            answer = self.ask(f"home {number}")
            found[answer] += 1
            if answer == "sent":
                self.send(f"home {number}", entered=entered(number))
        return found


@pytest.fixture
def town(app):
    with app.app_context(), db.engine.connect() as conn, conn.begin() as transaction:
        now = database_now(conn)
        conn.execute(insert(Phone).values(phone_key=KEY, country="US", created_at=now))
        yield Town(conn, now)
        transaction.rollback()


def test_a_fraudster_with_a_network_for_each_code_and_some_approvals_pays_for_most(town, caplog):
    came_to = town.crowd(120, lambda number: number % 9 == 0)  # 14 of 120
    assert came_to["sent"] <= 30
    assert came_to == {"sent": came_to["sent"], pumping.LEAST_BITS: 120 - came_to["sent"]}
    assert {r.prefix for r in caplog.records if "prefix" in r.msg} == {PREFIX}


def test_a_few_approvals_clear_no_prefix(town):
    for number in range(106):
        town.send(f"network {number}")
    for number in range(14):
        town.send(f"network {number}", entered=True)
    assert town.ask("a bystander") == pumping.LEAST_BITS


def test_a_busy_honest_prefix_never_meets_it(town):
    assert town.crowd(120, lambda number: number % 10 != 0) == {"sent": 120}


def test_a_bystander_meets_the_smallest_sum_and_no_refusal(town):
    town.send("a fraudster", count=500)
    assert town.ask("a bystander") == pumping.LEAST_BITS
    assert town.ask("a bystander", pumping.LEAST_BITS) == "sent"


def test_other_prefixes_are_not_asked(town):
    town.send("a fraudster", count=500)
    assert town.ask("a fraudster", prefix="+44771") == "sent"


def test_what_api_keys_send_makes_no_prefix_suspicious(town):
    town.send(None, count=500)
    assert town.ask("somebody") == "sent"


def test_a_network_that_leaves_its_codes_waits_ever_longer_and_no_other_does(town):
    waits = []
    for _ in range(12):
        waits.append(town.ask("one network"))
        town.send("one network")
    assert waits[:6] == ["sent"] * 6
    seconds = timedelta(seconds=1)
    assert waits[6:] == [MINUTE * n + seconds for n in (1, 2, 4, 8, 15, 15)]
    assert town.ask("another") == "sent"
    town.now += MINUTE * 16
    assert town.ask("one network") == "sent"


def test_a_network_whose_people_enter_their_codes_does_not_wait(town):
    for _ in range(40):
        town.send("a carrier's", entered=True, count=7)
        town.send("a carrier's", count=3)
        assert town.ask("a carrier's") == "sent"


def test_a_network_that_leaves_its_codes_has_larger_sums(app, town):
    with settings_of(app, PUMPING_MIN_STARTS="3"):
        town.send("one network", count=4)
        assert town.ask("one network") == pumping.LEAST_BITS + 4
        assert town.ask("one network", pumping.LEAST_BITS) == pumping.LEAST_BITS + 4
        assert town.ask("one network", pumping.LEAST_BITS + 4) == "sent"
        assert town.ask("another") == pumping.LEAST_BITS


def test_after_the_window_all_is_forgotten(town):
    town.send("a fraudster", count=500)
    town.conn.execute(update(Verification).values(started_at=town.now - 61 * MINUTE))
    assert town.ask("a fraudster") == "sent"


def test_a_start_is_asked_for_more_and_a_services_is_not(app, verify):
    with settings_of(app, **VERIFY, PUMPING_MIN_STARTS="1"):
        verification.start(BOB, Channel.SMS, asker.visitor("a fraudster", "192.0.2.0/32"))
        bystander = asker.visitor("a bystander", "198.51.100.0/32")
        with pytest.raises(errors.ProofRequired) as asked:
            verification.start("+447700900199", Channel.SMS, bystander)
        verification.start("+447700900199", Channel.SMS, bystander, paid_bits=asked.value.bits)
        verification.start("+447700900198", Channel.SMS, asker.service())
        verification.start(ALICE, Channel.SMS, bystander)
    assert len(verify.sent) == 4
