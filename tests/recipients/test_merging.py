"""Numbers that were kept under two spellings are merged, and nothing is lost."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from smsapp.delivery import outbox, stopping
from smsapp.extensions import db, settings
from smsapp.models import (
    Consent,
    ConsentAction,
    ConsentEvidence,
    ConsentSource,
    Delivery,
    Inbound,
    OptOut,
    OptOutSource,
    Phone,
    Verification,
    Webhook,
)
from smsapp.phone import phone_key
from smsapp.recipients import consent, customers, merging, phones
from smsapp.recipients.customers import Visitor
from smsapp.retention import erasure
from smsapp.trace import search
from tests.conftest import BOB, at_once, claim, delivery_row, sid
from tests.delivery import deliveries

MISSPELT = "+4407700900123"
GRANTED, WITHDRAWN = ConsentAction.GRANTED, ConsentAction.WITHDRAWN
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def keys(app):
    """The keys of Bob's number as it was spelled wrong, and as it is spelled right."""
    with app.app_context():
        secret = settings().phone_key_bytes
    return phone_key(MISSPELT, secret), phone_key(BOB, secret)


@pytest.fixture
def old(app, keys):
    """Bob under the key of the wrong spelling, as an older version left him."""
    with app.app_context(), db.engine.begin() as conn:
        phones.remember(conn, {keys[0]: MISSPELT}, LONG_AGO)
    return Visitor(keys[0], "VE" + "1" * 32, "203.0.113.7", "Browser/1.0")


@pytest.fixture
def new(app, old, keys):
    """Bob under the other key as well."""
    with app.app_context(), db.engine.begin() as conn:
        phones.remember(conn, {keys[1]: BOB}, LONG_AGO)
    return Visitor(keys[1], "VE" + "2" * 32)


@pytest.fixture
def merge(run):
    def merge(*options):
        result = run("numbers", "merge", *options)
        assert result.exit_code == 0, result.output
        return result.output

    return merge


def by(visitor, app, *acts):
    """Let somebody do something on their page, one after the other."""
    with app.app_context():
        for act, *arguments in acts:
            act(visitor, *arguments)


def stop(visitor, source):
    stopping.stop(visitor.phone_key, source)


def ledger(rows, key):
    found = [row for row in rows.all(Consent) if row.phone_key == key]
    return [(row.purpose, row.action) for row in sorted(found, key=lambda row: row.seq)]


def faults(app):
    with app.app_context(), db.engine.connect() as conn:
        return list(consent.faults(conn, settings().ledger_key))


def test_a_stop_under_one_spelling_holds_under_the_other(app, merge, old, shop, twilio):
    by(old, app, (stop, OptOutSource.TEXT))
    assert merge() == "1 were merged: GB 1.\n"
    assert shop.ships(phone=BOB).json["error"] == "opted_out"
    assert shop.ships("order-1002-shipped", phone=MISSPELT).json["error"] == "opted_out"


def test_a_dry_run_counts_and_changes_nothing(app, merge, old, new, rows):
    by(old, app, (stop, OptOutSource.TEXT))
    before = sorted(rows.all(Phone), key=str), rows.all(OptOut)
    assert merge("--dry-run") == "1 are to be merged: GB 1.\n"
    assert (sorted(rows.all(Phone), key=str), rows.all(OptOut)) == before


@pytest.mark.parametrize(
    ("of_old", "of_new", "stays"),
    [
        (("a@example.com", 1, False), (None, None, False), "a@example.com"),
        ((None, None, False), ("b@example.com", 1, False), "b@example.com"),
        (("a@example.com", 2, False), ("b@example.com", 1, False), "a@example.com"),
        (("a@example.com", 1, False), ("b@example.com", 2, False), "b@example.com"),
        (("a@example.com", 1, True), ("b@example.com", 2, False), "a@example.com"),
        (("a@example.com", 1, True), ("b@example.com", 2, True), "b@example.com"),
    ],
)
def test_of_two_addresses_their_own_stays_or_the_later(
    app, merge, old, new, keys, rows, of_old, of_new, stays
):
    with app.app_context(), db.engine.begin() as conn:
        for key, (email, days, is_own) in zip(keys, (of_old, of_new), strict=True):
            at = days and LONG_AGO + timedelta(days=days)
            known = {"email": email, "email_at": at, "email_is_own": is_own}
            conn.execute(update(Phone).where(Phone.phone_key == key).values(known))
    merge()
    assert {row.phone_key: row.email for row in rows.all(Phone)} == {keys[0]: None, keys[1]: stays}


def test_what_is_merged_is_not_merged_again(app, merge, old, new, rows):
    by(old, app, (customers.agree, ["support"]))
    merge()
    before = rows.all(Consent)
    assert merge() == merge("--dry-run").replace("are to be", "were") == "0 were merged.\n"
    assert rows.all(Consent) == before


@pytest.mark.parametrize("known", [True, False], ids=["both known", "one known"])
def test_all_that_stands_under_a_number_moves(app, merge, old, keys, rows, write, request, known):
    if known:
        request.getfixturevalue("new")
    write(
        lambda now: insert(Delivery).values(delivery_row(now, phone_key=keys[0])),
        lambda now: insert(Inbound).values(
            sid=sid(9), phone_key=keys[0], body="Hello?", received_at=now
        ),
        lambda now: insert(Verification).values(
            id=deliveries.leases.new_id(),
            phone_key=keys[0],
            prefix="+44770",
            channel="sms",
            checks=0,
            started_at=now,
        ),
        lambda now: update(Phone).where(Phone.phone_key == keys[0]).values(verified_at=now),
    )
    merge()
    for table in (Delivery, Inbound, Verification):
        assert rows.one(table).phone_key == keys[1]
    merged, kept = (next(r for r in rows.all(Phone) if r.phone_key == key) for key in keys)
    assert (merged.e164, merged.merged_into) == (None, keys[1])
    assert (kept.e164, kept.country, kept.merged_into) == (BOB, "GB", None)
    assert kept.verified_at


def test_ledgers_join_and_both_chains_stay_whole(app, merge, old, new, keys, rows):
    by(new, app, (customers.agree, ["support"]))
    by(old, app, (customers.agree, ["support"]), (customers.withdraw, ["support"]))
    by(old, app, (customers.agree, ["order_updates"]))
    before = ledger(rows, keys[0])
    said = [row.since for row in rows.all(Consent) if row.phone_key == keys[0]]
    merge()
    assert faults(app) == []
    assert ledger(rows, keys[0]) == before
    assert ledger(rows, keys[1]) == [("support", GRANTED), *before]
    joined = [row for row in rows.all(Consent) if row.phone_key == keys[1] and row.seq > 1]
    assert sorted(row.since for row in joined) == sorted(said)
    assert {row.phone_key for row in rows.all(ConsentEvidence)} == {keys[1]}
    assert {row.address for row in rows.all(ConsentEvidence)} == {"203.0.113.7"}


def test_what_was_said_last_holds(app, merge, old, new, keys, rows):
    by(old, app, (customers.withdraw, ["support"]))
    by(new, app, (customers.agree, ["support"]))
    merge()
    assert ledger(rows, keys[1])[-1] == ("support", GRANTED)
    assert faults(app) == []


def test_a_no_holds_against_a_services_word(app, merge, old, shop, twilio):
    by(old, app, (customers.withdraw, ["order_updates"]))
    shop.ships(phone=BOB)
    merge()
    assert shop.ships("order-1002-shipped", phone=BOB).json["error"] == "consent_withdrawn"


def said(action, source, since):
    return SimpleNamespace(action=action, source=source, since=LONG_AGO + timedelta(days=since))


last_words = st.builds(
    said, st.sampled_from(ConsentAction), st.sampled_from(ConsentSource), st.integers(0, 9)
)


@given(st.tuples(last_words, last_words))
def test_of_two_last_words_a_services_never_beats_a_no(two):
    holds = merging.last_word(*two)
    nos = [row for row in two if row.action is WITHDRAWN]
    if holds.action is GRANTED and nos:
        assert holds.source is not ConsentSource.API
        assert holds.since >= nos[0].since


@pytest.mark.parametrize(
    ("theirs", "stays"),
    [
        ((OptOutSource.TEXT, OptOutSource.PAGE), OptOutSource.TEXT),
        ((OptOutSource.PAGE, OptOutSource.TWILIO), OptOutSource.TWILIO),
        ((OptOutSource.OPERATOR, OptOutSource.PAGE), OptOutSource.OPERATOR),
    ],
)
def test_of_two_opt_outs_the_one_that_is_harder_to_lift_stays(
    app, merge, old, new, keys, rows, theirs, stays, make_endpoint
):
    make_endpoint("https://shop.example.com/hook", types=["recipient.opted_in"])
    for visitor, source in zip((old, new), theirs, strict=True):
        by(visitor, app, (stop, source))
    merge()
    assert {row.phone_key for row in rows.all(OptOut)} == {keys[1]}
    (holds,) = [row for row in rows.all(OptOut) if row.lifted_at is None]
    assert holds.source == stays
    assert len(rows.all(OptOut)) == 2
    assert rows.all(Webhook) == []  # nobody opted in


def under(app, key, number=1, **changes):
    """Accept a delivery under a phone key, as an older version did."""
    with app.app_context(), db.engine.begin() as conn:
        row = deliveries.new(number, phone_key=key, e164=MISSPELT, send_now=False, **changes)
        return outbox.accept(conn, [row])[0]


def test_a_text_that_is_being_sent_is_waited_for(app, merge, old, keys, rows, shop, twilio):
    under(app, keys[0])
    claim(app)
    assert merge() == ("0 were merged.\n1 are being texted at this moment: run this again.\n")
    assert rows.delivery.phone_key == keys[0]


def test_a_stop_that_comes_late_reaches_the_number(app, merge, old, keys, rows):
    merge()
    with app.app_context():
        stopping.stop(keys[0], OptOutSource.TWILIO)
    assert rows.one(OptOut).phone_key == keys[1]


@pytest.mark.parametrize("merged", [True, False])
def test_an_event_that_is_told_again_under_either_spelling_is_the_same(
    app, merge, old, keys, rows, shop, twilio, merged
):
    content = json.dumps([keys[0], "1001", "https://example.com/track/1001"])
    told = {"event_id": "order-1001-shipped", "subject": "1001"}
    under(app, keys[0], content_hash=hashlib.sha256(content.encode()).hexdigest(), **told)
    if merged:
        merge()
    for phone in (MISSPELT, BOB):
        assert shop.ships(phone=phone).json["duplicate"]
    assert shop.ships(phone=BOB, orderId="1002").status_code == 422
    assert len(rows.all(Delivery)) == 1
    assert twilio.calls == []


def test_who_was_erased_is_erased_under_both_spellings(app, merge, old, new, keys, rows):
    under(app, keys[0])
    by(new, app, (erasure.erase,))
    merge()
    assert [row.e164 for row in rows.all(Phone)] == [None, None]
    assert rows.delivery.body == ""
    assert faults(app) == []


def test_who_was_erased_is_erased_even_where_the_command_ends_right_after(
    app, old, new, keys, rows
):
    under(app, keys[0])
    by(new, app, (erasure.erase,))
    with app.app_context():
        (found,) = merging.misspelt()
        assert merging.merge(found, erasure.erase_within)
        assert list(merging.misspelt()) == []
    assert rows.delivery.body == ""


@pytest.mark.parametrize("gone", [erasure.erase, None], ids=["erased", "forgotten"])
def test_what_is_left_of_a_number_is_found_by_its_right_spelling(
    app, merge, old, new, keys, rows, shop, write, gone
):
    by(old, app, (stop, OptOutSource.PAGE))
    if gone:
        by(old, app, (gone,))
    else:
        theirs = update(Phone).where(Phone.phone_key == keys[0])
        write(lambda now: theirs.values(e164=None, forgotten_at=now))
    assert merge() == "1 were merged: GB 1.\n"
    assert shop.ships(phone=BOB).json["error"] == "opted_out"
    assert next(r for r in rows.all(Phone) if r.phone_key == keys[1]).e164 == BOB


def test_a_number_that_nobody_can_be_certain_of_is_left_and_counted(app, merge, rows):
    with app.app_context(), db.engine.begin() as conn:
        phones.remember(conn, {"a" * 64: "+5411151234567"}, LONG_AGO)
    assert "1 are spelled so that nobody can tell" in merge()
    assert rows.one(Phone).e164 == "+5411151234567"


def test_the_key_of_the_old_spelling_leads_to_the_number(app, merge, old, keys):
    merge()
    with app.app_context():
        assert search.find(keys[0], ()).phone_keys == (keys[1],)


def test_who_was_erased_a_moment_ago_stays_erased(app, old, keys, rows):
    with app.app_context():
        (found,) = merging.misspelt()
        erasure.erase(old)
        assert merging.merge(found, erasure.erase_within)
    assert rows.one(Phone).e164 is None


def test_two_who_merge_at_once_merge_once(app, old, new, keys, rows):
    by(old, app, (customers.agree, ["support"]))

    def merge_all():
        with app.app_context():
            for found in merging.misspelt():
                merging.merge(found, erasure.erase_within)

    at_once(merge_all, merge_all, merge_all)
    assert ledger(rows, keys[1]) == [("support", GRANTED)]
    assert faults(app) == []
