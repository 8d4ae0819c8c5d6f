"""Each alarm: raised when something is wrong, with what to do in its words, cleared when over."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, update

from smsapp import tally
from smsapp.delivery import circuit_breaker, reconcile
from smsapp.extensions import database_now, db, new_id
from smsapp.models import (
    Alarm,
    AlarmKind,
    Delivery,
    HourCount,
    Phone,
    Receipt,
    Tally,
    Verification,
    WebhookEndpoint,
    Worker,
)
from smsapp.oncall import alarms as on_call_alarms
from smsapp.providers.messages import Listed
from smsapp.providers.outcomes import Unknown
from smsapp.watch import alarms, rules
from smsapp.web import jobs
from tests.conftest import ALICE, KEY, change, command, settings_of, sid

pytestmark = pytest.mark.usefixtures("worker_is_there")

MINUTE = timedelta(minutes=1)


def test_where_all_is_well_there_is_no_alarm(look, texts, now):
    texts(now - 20 * MINUTE, 100)
    assert look() == {}


def test_texts_to_one_country_that_do_not_arrive_raise_an_alarm_for_it(look, texts, now, later):
    texts(now - 20 * MINUTE, 500, country="US")
    texts(now - 20 * MINUTE, 15, country="FR")
    texts(now - 10 * MINUTE, 7, country="FR", state="undelivered", code=30003)
    texts(now - 10 * MINUTE, 1, country="FR", state="failed", code=30005)
    found = look()
    assert set(found) == {"country_rate"}
    alarm = found["country_rate"]
    assert alarm.subject == "FR"
    assert alarm.sentence == "Of 23 texts to FR in 1 hour, only 65.2 % arrived."
    assert [(code.label, code.count) for code in alarm.codes] == [("30003", 7), ("30005", 1)]
    assert "switched off" in alarm.codes[0].meaning.cause
    texts(now - MINUTE, 400, country="FR")
    later()
    assert look() == {}


def test_a_sender_whose_texts_do_not_arrive_raises_an_alarm_without_its_number(look, texts, now):
    for country in ("US", "FR", "DE"):
        texts(now - 20 * MINUTE, 8, country=country, state="undelivered", code=30007)
    found = look()
    assert set(found) == {"sender_rate"}
    assert found["sender_rate"].subject == "+*******0006"
    assert "none arrived" in found["sender_rate"].sentence


def test_each_channel_has_a_rate_of_its_own_and_the_alarm_names_its_sender(app, look, texts, now):
    with settings_of(app, TWILIO_WHATSAPP_FROM="+14155238886"):
        texts(now - 20 * MINUTE, 400)
        for country in ("US", "FR", "DE"):
            texts(
                now - 20 * MINUTE,
                8,
                country=country,
                state="undelivered",
                code=63024,
                channel="whatsapp",
            )
        found = look()
    assert found["sender_rate"].subject == "whatsapp:+*******8886"
    assert "none arrived" in found["sender_rate"].sentence


def test_mails_and_calls_lower_no_rate(look, texts, now):
    for channel in ("email", "call"):
        texts(now - 20 * MINUTE, 30, state="undelivered", code=550, channel=channel)
    assert look() == {}


def test_of_too_few_texts_no_rate_is_made(look, texts, now):
    texts(now - 20 * MINUTE, 19, state="undelivered", code=30003)
    assert look() == {}
    texts(now - 20 * MINUTE, 1, state="undelivered", code=30003)
    assert "country_rate" in look()


def test_what_lies_outside_the_window_counts_no_more(look, texts, now):
    texts(now - 61 * MINUTE, 50, state="undelivered", code=30003)
    assert look() == {}


def test_the_threshold_is_a_setting(app, look, texts, now):
    texts(now - 20 * MINUTE, 30)
    texts(now - 20 * MINUTE, 20, state="undelivered", code=30003)
    with settings_of(app, ALARM_DELIVERY_RATE="60"):
        assert look() == {}
    with settings_of(app, ALARM_DELIVERY_RATE="61"):
        assert "country_rate" in look()


def test_opt_outs_and_what_twilio_will_take_later_lower_no_rate(look, texts, now):
    texts(now - 20 * MINUTE, 30, state="failed", code=21610, outcome="refused")
    texts(now - 20 * MINUTE, 30, state="failed", code=20429, outcome="refused")
    texts(now - 20 * MINUTE, 30, state="failed", outcome="unwritten")
    assert look() == {}
    texts(now - 20 * MINUTE, 30, state="failed", code=21211, outcome="refused")
    assert "country_rate" in look()


def test_a_country_that_falls_silent_raises_an_alarm_if_it_used_to_report(look, texts, now, write):
    """“Texts to one country stopped arriving” may be without a single failed receipt."""
    texts(now - 20 * MINUTE, 40, country="FR", state="sent")
    assert look() == {}
    cell = {"country": "FR", "state": "delivered", "reason": "", "error_code": 0, "count": 9}
    write(lambda now: HourCount.__table__.insert().values(hour=now - timedelta(days=3), **cell))
    alarm = look()["country_rate"]
    assert alarm.sentence == "Of 40 texts to FR in 1 hour, none arrived."


def test_texts_that_have_just_left_are_not_silent(look, texts, now, write):
    texts(now - 5 * MINUTE, 40, country="FR", state="sent")
    cell = {"country": "FR", "state": "delivered", "reason": "", "error_code": 0, "count": 9}
    write(lambda now: HourCount.__table__.insert().values(hour=now - timedelta(days=3), **cell))
    assert look() == {}


def test_an_outbox_that_grows_old_raises_an_alarm(look, shop, twilio, write, later):
    shop.ships(prefer="respond-async")
    assert look() == {}
    write(lambda now: update(Delivery).values(due_at=now - 6 * MINUTE))
    alarm = look()["outbox_old"]
    assert alarm.sentence == "A text has been due for 6 minutes and is not sent."
    assert "MESSAGES_PER_SECOND" in alarm.next_step
    write(lambda now: update(Delivery).values(due_at=now + MINUTE))
    later()
    assert look() == {}


def test_while_sending_is_paused_the_alarm_says_so(app, look, shop, write):
    command(app, "sending", "pause")
    shop.ships()
    write(lambda now: update(Delivery).values(due_at=now - 6 * MINUTE))
    alarm = look()["outbox_old"]
    assert alarm.sentence == "An operator has paused all texts, and one has been due for 6 minutes."
    assert "flask sending resume" in alarm.next_step


def test_what_stays_unknown_for_a_quarter_of_an_hour_raises_an_alarm_until_its_fate_is_known(
    look, shop, twilio, write, later
):
    twilio.answers.append(Unknown("timeout", None, None))
    shop.ships()
    assert look() == {}
    write(lambda now: update(Delivery).values(state_at=now - 16 * MINUTE))
    alarm = look()["unknown_old"]
    assert alarm.sentence == "1 text is of unknown fate, the oldest for 16 minutes."
    write(lambda _: update(Delivery).values(state="sent"))
    later()
    assert look() == {}


def test_credentials_that_are_refused_raise_an_alarm_until_they_are_taken(
    app, look, shop, twilio, later
):
    twilio.rejects(20003, http_status=401)
    shop.ships()
    alarm = look()["sender_held"]
    assert alarm.subject == "+*******0006"
    assert [code.label for code in alarm.codes] == ["20003"]
    with app.app_context(), db.engine.begin() as conn:
        circuit_breaker.close(conn, app.extensions["settings"].sms_sender)
    later()
    assert look() == {}


def test_texts_that_go_out_without_receipts_raise_an_alarm_until_one_comes(look, texts, now, later):
    texts(now - 30 * MINUTE, 4, state="sent", receipt=False)
    assert look() == {}
    texts(now - 29 * MINUTE, 1, state="sent", receipt=False)
    texts(now - MINUTE, 10, state="sent", receipt=False)  # theirs may still be on their way
    alarm = look()["receipts_silent"]
    assert "PUBLIC_BASE_URL" in alarm.next_step
    texts(now - 28 * MINUTE, 1, state="sent")
    later()
    assert look() == {}


def test_mails_which_have_no_receipts_raise_none(look, texts, now):
    texts(now - 40 * MINUTE, 30)
    texts(now - 30 * MINUTE, 30, state="sent", receipt=False, channel="email")
    texts(now - 30 * MINUTE, 30, state="failed", code=550, receipt=False, channel="email")
    assert look() == {}


def test_a_mail_server_that_refuses_us_is_told_from_twilio(app, look):
    with app.app_context(), db.engine.begin() as conn:
        circuit_breaker.trip(conn, "e-mail", 535, database_now(conn))
    alarm = look()["sender_held"]
    assert (alarm.subject, [code.label for code in alarm.codes]) == ("e-mail", ["535"])
    assert alarm.sentence == "Our mail server takes no mails from us, so all mails wait."


def test_a_status_that_we_had_to_ask_for_is_no_receipt(look, texts, now, write):
    texts(now - 30 * MINUTE, 6, state="sent")
    assert look() == {}
    write(lambda _: update(Receipt).values(source="look_up"))
    assert set(look()) == {"receipts_silent"}


def test_webhooks_that_are_signed_with_another_token_raise_an_alarm_until_none_comes(
    app, client, look, later, write
):
    for _ in range(5):
        headers = {"X-Twilio-Signature": "bm90IG91cnM="}
        assert client.post("/twilio/status-callback", headers=headers).status_code == 403
    assert look() == {}
    with app.app_context():
        tally.flush()
    alarm = look()["signatures_refused"]
    assert "5 webhooks" in alarm.sentence
    assert "TWILIO_AUTH_TOKEN" in alarm.next_step
    write(lambda _: delete(Tally))
    later()
    assert look() == {}


def test_who_knocks_without_a_signature_raises_no_alarm(app, client, look):
    for _ in range(20):
        assert client.post("/twilio/status-callback").status_code == 403
    with app.app_context():
        tally.flush()
    assert look() == {}


def test_a_look_up_that_cannot_tell_raises_an_alarm(app, look, shop, twilio, write, later, now):
    twilio.answers.append(Unknown("timeout", None, None))
    shop.ships()
    twilio.listed = [Listed(sid(9), "Another text", True, "sent", 0, now)]
    write(lambda now: update(Delivery).values(check_at=now))
    with app.app_context():
        assert reconcile.run()
    assert "Twilio's console" in look()["look_ups_doubtful"].next_step
    write(lambda now: update(Tally).values(minute=now - 20 * MINUTE))
    later()
    assert look() == {}


def test_without_a_worker_a_web_process_raises_the_alarm(app, write, later, look):
    write(lambda now: update(Worker).values(seen_at=now - 2 * MINUTE))
    with app.app_context():
        jobs.look_for_worker()
        (alarm,) = alarms.open_alarms()
    assert alarm.kind is AlarmKind.NO_WORKER
    assert alarm.sentence == "No worker has shown itself for 2 minutes."
    write(lambda now: update(Worker).values(seen_at=now))
    later()
    assert look() == {}


def test_a_worker_that_never_was_is_missed_too(app, write):
    write(lambda _: delete(Worker))
    with app.app_context():
        jobs.look_for_worker()
        (alarm,) = alarms.open_alarms()
    assert alarm.sentence == "No worker has shown itself ever."


def test_a_budget_for_codes_raises_an_alarm_at_half_and_another_at_its_end(app, look, write, later):
    def ask(count):
        for _ in range(count):
            write(lambda now: insert(Verification).values(code_row(now)))

    write(lambda now: insert(Phone).values(phone_key=KEY, country="US", created_at=now))
    with settings_of(app, VERIFY_BUDGET_PER_HOUR="6", VERIFY_BUDGET_PER_DAY="100"):
        ask(2)
        assert look() == {}
        ask(1)
        assert set(look()) == {"codes_half_spent"}
        ask(3)
        found = look()
        assert set(found) == {"codes_half_spent", "codes_spent"}
        spent = found["codes_spent"]
        assert spent.subject == "hour"
        assert spent.sentence == (
            "The budget of 6 codes within one hour is spent: nobody gets a code for now."
        )
        assert "VERIFY_COUNTRIES" in spent.next_step
        write(lambda now: update(Verification).values(started_at=now - 61 * MINUTE))
        later()
        assert look() == {}


def code_row(at):
    return {
        "id": new_id(),
        "phone_key": KEY,
        "prefix": "+1202",
        "channel": "sms",
        "checks": 0,
        "started_at": at,
    }


def test_every_kind_of_alarm_has_its_rule_and_its_words():
    every = [*rules.RULES.values(), *on_call_alarms.RULES.values()]
    judged = [kind for kinds in every for kind in kinds]
    assert sorted(judged) == sorted(AlarmKind)


def test_alarms_hold_no_phone(app, look, texts, now, rows):
    texts(now - 20 * MINUTE, 30, country="FR", state="undelivered", code=30003)
    look()
    text = str([tuple(row) for row in rows.all(Alarm)])
    assert ALICE.strip("+") not in text
    assert app.extensions["settings"].twilio_from_number.strip("+") not in text


def test_an_endpoint_that_was_given_up_raises_an_alarm_until_somebody_sees_to_it(
    app, look, later, make_endpoint, now, worker_is_there
):
    make_endpoint("https://shop.example.com/hook")
    change(app, WebhookEndpoint, disabled_at=now, disabled_because="failing")
    alarm = look()["endpoint_disabled"]
    assert alarm.subject == "shop"
    change(app, WebhookEndpoint, disabled_because="asked")
    later()
    assert "endpoint_disabled" not in look()
