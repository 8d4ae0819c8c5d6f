"""Every kind of event is one that support can find and send again."""

from datetime import timedelta

import pytest

from smsapp.events import kinds, shipments
from tests.conftest import settings_of


def test_shipments_are_among_them():
    assert shipments.KIND in kinds.KINDS


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_each_says_for_how_long_it_matters(app, kind):
    with settings_of(app, ORDER_SHIPPED_MAX_AGE_HOURS="3"), app.app_context():
        assert timedelta(0) < kinds.max_age(kind) <= timedelta(hours=3)
