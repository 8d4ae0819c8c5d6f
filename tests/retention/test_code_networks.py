"""Who asked for a code is known for as long as a limit counts it."""

from collections import Counter
from datetime import timedelta

from sqlalchemy import insert

from smsapp.extensions import new_id
from smsapp.models import Phone, Verification
from smsapp.retention import code_networks
from tests.conftest import KEY


def test_networks_and_sessions_are_forgotten_after_two_days_and_codes_are_not(
    app, write, rows, monkeypatch
):
    def code(now, hours, network):
        return {
            "id": new_id(),
            "phone_key": KEY,
            "prefix": "+1202",
            "channel": "sms",
            "network": network,
            "session": "somebody",
            "checks": 0,
            "started_at": now - timedelta(hours=hours),
        }

    write(
        lambda now: insert(Phone).values(phone_key=KEY, country="US", created_at=now),
        lambda now: insert(Verification).values([code(now, n, "home") for n in (1, 47, 49, 99)]),
        lambda now: insert(Verification).values(code(now, 99, None)),
    )
    monkeypatch.setattr(code_networks, "BATCH", 1)
    with app.app_context():
        assert code_networks.count() == 2
        assert [code_networks.forget() for _ in range(3)] == [1, 1, 0]
    left = Counter((row.network, row.session) for row in rows.all(Verification))
    # An API key's, which names nobody, stays.
    assert left == {(None, None): 2, (None, "somebody"): 1, ("home", "somebody"): 2}
