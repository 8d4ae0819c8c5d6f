"""Words that are answered: the order's status, help, and anything else once a day."""

import pytest

from smsapp.models import Delivery
from tests.conftest import ALICE, opt_out, report, run_worker, settings_of, sid, text_in

ON_WHATSAPP = {"TWILIO_WHATSAPP_FROM": "+15005550006"}


def said(app, twilio, body, number=900, address=ALICE):
    """Let Alice write, and a worker answer; return what it said."""
    before = len(twilio.calls)
    text_in(app, sid(number), address, body)
    run_worker(app)
    return [call["body"] for call in twilio.calls[before:]]


def arrived(app, shop, rows, number):
    shop.ships(f"order-{number}-shipped", orderId=str(number), trackingUrl=None)
    newest = max(rows.attempts, key=lambda row: row.started_at)
    report(app, newest.id, newest.sid, "delivered")


@pytest.mark.parametrize("word", ["STATUS", "status?", "상태"])
def test_status_says_again_how_the_latest_order_stands(app, shop, twilio, rows, word):
    arrived(app, shop, rows, 1001)
    arrived(app, shop, rows, 1002)
    assert said(app, twilio, word) == ["Your order 1002 has shipped."]


def test_who_has_no_order_is_not_answered(app, twilio):
    assert said(app, twilio, "STATUS") == []


def test_nobody_is_answered_after_their_stop(app, shop, twilio, rows):
    arrived(app, shop, rows, 1001)
    opt_out(app, ALICE)
    assert said(app, twilio, "STATUS") == []


def test_anything_else_is_answered_once_a_day_where_the_shop_wants_that(app, twilio, rows):
    assert said(app, twilio, "Hello?") == []
    with settings_of(app, AUTO_REPLY="We read this on weekdays."):
        assert said(app, twilio, "Anybody?", 901) == ["We read this on weekdays."]
        assert said(app, twilio, "Hello?!", 902) == []
        assert said(app, twilio, "STOP", 903) == []
    assert [row.kind for row in rows.all(Delivery)] == ["answer"]


def test_help_is_answered_on_whatsapp_where_twilio_does_not(app, twilio):
    assert said(app, twilio, "HELP") == []
    with settings_of(app, SHOP_NAME="Rosa", **ON_WHATSAPP):
        helped = said(app, twilio, "help", 901, f"whatsapp:{ALICE}")
    assert helped == ["Rosa: Reply STOP to get no more messages."]
    assert twilio.calls[0]["to"] == f"whatsapp:{ALICE}"


def test_an_answer_goes_where_they_wrote(app, shop, twilio, rows):
    arrived(app, shop, rows, 1001)
    with settings_of(app, **ON_WHATSAPP):
        said(app, twilio, "STATUS", address=f"whatsapp:{ALICE}")
    assert twilio.calls[-1]["to"] == f"whatsapp:{ALICE}"
