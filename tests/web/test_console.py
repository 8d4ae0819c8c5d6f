"""The console lets in whom it should, for as long as it should, and nobody else."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from time_machine import travel

from smsapp import operators
from smsapp.extensions import db
from smsapp.models import OperatorSession, Role
from smsapp.web.console import sign_in
from tests.conftest import change, on_one_database
from tests.web.conftest import HTTPS, PASSWORD


def pages(app, method):
    """Return the console's addresses that need nothing filled in, but for signing in."""
    return [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/console/")
        and method in rule.methods
        and rule.rule != "/console/sign-in"
        and not rule.arguments
    ]


def test_every_page_of_the_console_asks_who_you_are(app):
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/console") and rule.rule != "/console/sign-in":
            guard = app.view_functions[rule.endpoint].guard
            assert guard in {"console support", "console operator"}, rule


def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(app, make_person):
    sam = make_person("sam", Role.SUPPORT)
    assert len(pages(app, "GET")) >= 1
    for path in pages(app, "GET"):
        answer = sam.sees(path)
        assert (answer.status_code, answer.headers["Location"]) == (
            303,
            f"/console/sign-in?next={path}",
        )
    assert sam.signs_in(next="/console/").headers["Location"] == "/console/"


@on_one_database
@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/console//evil.example",
        "/console/\\evil",
        "/",
        "",
    ],
)
def test_signing_in_leads_to_no_other_place(make_person, wanted):
    answer = make_person("sam", Role.SUPPORT).signs_in(next=wanted)
    assert answer.headers["Location"] == "/console/"


def test_a_wrong_name_or_password_is_refused_in_the_same_words(make_person):
    sam = make_person("sam", Role.SUPPORT)
    wrong_password = sam.signs_in("wrong wrong wrong")
    sam.name = "nobody"
    wrong_name = sam.signs_in()
    assert wrong_password.status_code == wrong_name.status_code == 403
    assert "Name and password do not fit" in wrong_password.text
    assert (
        wrong_password.text.replace('value="sam"', "").split("<h1>")[0].split("</title>")[1]
        == (wrong_name.text.replace('value="nobody"', "").split("<h1>")[0].split("</title>")[1])
    )


@pytest.mark.parametrize("typed", ["", "\0", "é" * 1000, "\ud800".encode("utf-8", "surrogatepass")])
def test_odd_names_are_refused_like_any_other(make_person, typed):
    assert make_person("sam", Role.SUPPORT).signs_in(name=typed).status_code == 403


def test_the_console_is_found_without_its_slash_too(support):
    """A redirect would be to an address built from the Host header."""
    assert support.sees("/console").status_code == 200


def test_an_unknown_name_costs_a_hash_like_a_known_one():
    """The same method and cost, or the time would tell which names there are."""
    from werkzeug.security import generate_password_hash

    assert operators.NOBODYS_HASH.split("$")[0] == generate_password_hash("x").split("$")[0]


def tries(person, address, password="wrong wrong wrong"):
    """Let somebody try to sign in from an address; return the answer."""
    person.client.environ_base["REMOTE_ADDR"] = address
    return person.signs_in(password)


def test_whoever_guesses_waits_ever_longer(make_person):
    sam = make_person("sam", Role.SUPPORT)
    with travel(datetime(2026, 11, 27, 9, tzinfo=UTC), tick=False) as time:
        waits = []
        for _ in range(12):
            answer = tries(sam, "203.0.113.9")
            while answer.status_code == 429:
                waits.append(int(answer.headers["Retry-After"]))
                time.shift(waits[-1])
                answer = tries(sam, "203.0.113.9")
            assert answer.status_code == 403
    assert waits == sorted(waits)
    assert waits[0] <= 61 < 300 < waits[-1] <= 601


def test_the_right_password_waits_as_long_where_it_was_guessed(make_person):
    sam = make_person("sam", Role.SUPPORT)
    for _ in range(4):
        tries(sam, "203.0.113.9")
    limited = tries(sam, "203.0.113.9", PASSWORD)
    assert limited.status_code == 429
    assert "That was too often. You can try again in " in limited.text


def test_a_name_that_is_guessed_from_everywhere_lets_its_owner_in(make_person, caplog):
    guesser, sam = make_person("olga", Role.OPERATOR), make_person("sam", Role.SUPPORT)
    guesser.name = "sam"
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            for _ in range(5):
                last = tries(guesser, f"203.0.113.{number}").status_code
            assert last == 429
    assert tries(sam, "198.51.100.1", PASSWORD).status_code == 303
    answers = [getattr(record, "answer", None) for record in caplog.records]
    assert answers.count("limited") == 3


def test_a_guessers_colleagues_are_let_in_on_the_same_network(make_person, monkeypatch):
    monkeypatch.setattr(sign_in, "TRIES_PER_NETWORK", "6/10 minutes")
    guesser, sam = make_person("olga", Role.OPERATOR), make_person("sam", Role.SUPPORT)
    for _ in range(8):
        tries(guesser, "203.0.113.9")
    assert tries(sam, "203.0.113.9", PASSWORD).status_code == 303


def test_tries_of_all_names_on_one_network_have_an_end(make_person, monkeypatch):
    monkeypatch.setattr(sign_in, "TRIES_PER_NETWORK", "6/10 minutes")
    guesser = make_person("olga", Role.OPERATOR)
    answers = []
    for number in range(7):
        guesser.name = f"guess{number}"
        answers.append(tries(guesser, "203.0.113.9").status_code)
    assert answers == [403] * 6 + [429]


def test_sign_ins_are_logged_without_what_was_typed(operator, make_person, caplog):
    with caplog.at_level(logging.INFO):
        sam = make_person("sam", Role.SUPPORT)
        sam.signs_in()
        sam.name = PASSWORD  # in the wrong field
        sam.signs_in("x")
    seen = [vars(record) for record in caplog.records if record.msg == "console sign-in"]
    assert [record["answer"] for record in seen] == ["let in", "refused"]
    assert seen[0]["operator"] == "sam"
    assert PASSWORD not in str(seen)


def test_the_cookie_is_for_the_browser_alone_and_new_each_time(make_person):
    sam = make_person("sam", Role.SUPPORT)
    sam.client.set_cookie("__Host-console", "planted", domain="sms.example.com")
    tokens = set()
    for _ in range(2):
        cookie = next(
            c
            for c in sam.signs_in().headers.getlist("Set-Cookie")
            if c.startswith("__Host-console=")
        )
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        tokens.add(cookie.split("; ")[0])
    assert len(tokens) == 2
    assert "__Host-console=planted" not in tokens


def test_signing_in_again_ends_the_session_before(support, rows):
    support.signs_in()
    assert len(rows.all(OperatorSession)) == 1


def test_a_stolen_database_opens_no_session(support, rows):
    (session,) = rows.all(OperatorSession)
    support.client.set_cookie("__Host-console", session.token_hash, domain="sms.example.com")
    assert support.sees("/console/").status_code == 303


def test_sign_out_ends_the_session_for_whoever_kept_the_cookie(support, rows):
    kept = support.client.get_cookie("__Host-console", domain="sms.example.com").value
    assert support.posts("/console/sign-out").status_code == 303
    support.client.set_cookie("__Host-console", kept, domain="sms.example.com")
    assert support.sees("/console/").status_code == 303
    assert rows.all(OperatorSession) == []


@pytest.mark.parametrize(
    ("column", "age", "status"),
    [
        ("seen_at", operators.IDLE - timedelta(minutes=1), 200),
        ("seen_at", operators.IDLE, 303),
        ("began_at", operators.LONGEST - timedelta(minutes=1), 200),
        ("began_at", operators.LONGEST, 303),
    ],
)
def test_a_session_ends_when_idle_and_after_a_day(app, support, column, age, status):
    with app.app_context(), db.engine.begin() as conn:
        (now,) = conn.execute(
            OperatorSession.__table__.select().with_only_columns(OperatorSession.seen_at)
        ).scalars()
        conn.execute(update(OperatorSession).values({column: now - age}))
    assert support.sees("/console/").status_code == status


def test_what_is_done_keeps_a_session_alive(app, support, rows):
    early = rows.one(OperatorSession).seen_at - operators.IDLE + timedelta(minutes=1)
    change(app, OperatorSession, seen_at=early)
    support.sees("/console/")
    assert rows.one(OperatorSession).seen_at > early


def test_a_form_of_another_page_does_nothing(app, operator):
    for path in pages(app, "POST"):
        for token in ({}, {"csrf_token": ""}, {"csrf_token": "a" * 64}, {"csrf_token": "é"}):
            answer = operator.client.post(path, data=token, base_url=HTTPS)
            assert answer.status_code == 400, path
    assert operator.sees("/console/").status_code == 200


def test_a_form_of_another_session_does_nothing(operator, support):
    from tests.web.conftest import token_in

    theirs = token_in(support.sees("/console/").text)
    answer = operator.client.post("/console/sign-out", data={"csrf_token": theirs}, base_url=HTTPS)
    assert answer.status_code == 400


def test_signing_in_takes_a_form_of_ours(make_person):
    sam = make_person("sam", Role.SUPPORT)
    answer = sam.signs_in(csrf_token="planted")
    assert answer.status_code == 400
    assert "This page was open for too long" in answer.text
    assert sam.sees("/console/").status_code == 303


def test_nothing_of_the_console_is_kept_and_nothing_foreign_runs_in_it(app, operator):
    for path in ["/console/sign-in", *pages(app, "GET")]:
        answer = operator.sees(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert " style=" not in answer.text
        assert "<script>" not in answer.text


def test_a_customers_session_opens_nothing_and_an_operators_no_customers_page(operator):
    assert operator.sees("/preferences").status_code == 303
    kept = operator.client.get_cookie("__Host-session", domain="sms.example.com")
    operator.client.delete_cookie("__Host-console", domain="sms.example.com")
    assert kept is not None
    assert operator.sees("/console/").status_code == 303
