"""A caller hears all that became of its events, though workers are killed in the middle of it."""

import pytest

from smsapp.extensions import db
from smsapp.webhooks import endpoints
from tests.conftest import make_app
from tests.sinks import sinking, verified
from tests.system import kill, order, post, wait_for

ORDERS = 100
TOLD = ["delivery.sent", "delivery.delivered"]
# As if so much time had passed that what killed workers held has lapsed.
LAPSE = "UPDATE webhook SET due_at = occurred_at WHERE state = 'pending'"


@pytest.mark.long
def test_what_a_killed_worker_was_telling_is_told_by_the_next_and_in_order(system):
    system.environment |= {
        "LEASE_SECONDS": "15",
        "RECONCILE_GRACE_SECONDS": "2",
        "EMBEDDED_WORKER": "false",
        "WEBHOOK_ALLOW_PRIVATE": "true",
        "QUIET_HOURS": "none",
    }
    with sinking() as sink:
        sink.seconds = 0.1
        app = make_app(**system.environment)
        with app.app_context():
            _, secret = endpoints.create("shop", sink.url, TOLD, wants_bodies=False)
            db.engine.dispose()
        url, _ = system.web()
        ids = set()
        for number in range(1, ORDERS + 1):
            status, answer = post(url, system.key, order(number), Prefer="respond-async")
            assert status == 202
            ids.add(answer["deliveryId"])
        for share in (ORDERS // 4, ORDERS):
            worker = system.worker()
            wait_for(lambda least=share: len(sink.got) > least)
            kill(worker)
            system.execute(LAPSE)
        assert len(_heard(sink)) < 2 * ORDERS  # it was in the middle
        system.worker()
        wait_for(lambda: len(_heard(sink)) == 2 * ORDERS and _waiting(system) == 0, seconds=60)

    told = [verified(secret, each) for each in _heard(sink).values()]
    by_delivery = {each: [] for each in ids}
    for each in told:
        by_delivery[each["data"]["deliveryId"]].append(each["type"])
    assert list(by_delivery.values()) == [TOLD] * ORDERS


def _heard(sink):
    """Return what came, the first time that it did, by its id."""
    heard = {}
    for headers, body in list(sink.got):
        heard.setdefault(headers["webhook-id"], (headers, body))
    return heard


def _waiting(system):
    with system.engine.connect() as conn:
        return conn.exec_driver_sql(
            "SELECT count(*) FROM webhook WHERE state = 'pending'"
        ).scalar_one()
