"""When something leaves, as its recipient's clock shows it."""

from datetime import UTC, datetime

import pytest

from smsapp.trace.their_clock import their_clock

WINTER = datetime(2026, 12, 4, 8, 0, tzinfo=UTC)
SUMMER = datetime(2026, 6, 4, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zone", "number", "shown"),
    [
        (WINTER, None, "+4915123456789", "Fri 4 Dec, 09:00 (Europe/Berlin)"),
        (SUMMER, None, "+4915123456789", "Fri 5 Jun, 01:30 (Europe/Berlin)"),
        (WINTER, "America/New_York", "+4915123456789", "Fri 4 Dec, 03:00 (America/New_York)"),
        (WINTER, "America/New_York", None, "Fri 4 Dec, 03:00 (America/New_York)"),
        # London, Jersey and the Isle of Man: whichever, it is the same.
        (SUMMER, None, "+447700900123", "Fri 5 Jun, 00:30 (GMT+01:00)"),
        (WINTER, None, "+61412345678", None),  # Perth or Sydney
        (WINTER, None, None, None),
    ],
)
def test_it_is_their_own_where_anybody_can_tell(at, zone, number, shown):
    assert their_clock(at, zone, number) == shown
