"""Operators are made, listed, disabled and given passwords by command."""

import threading

import pytest
from sqlalchemy import select, update

from smsapp import operators
from smsapp.extensions import db
from smsapp.models import Operator, OperatorSession, Role

cheap = pytest.mark.usefixtures("cheap_hashes")


def run(app, *args, typed=None):
    return app.test_cli_runner().invoke(args=["operator", *args], input=typed)


def test_a_password_is_made_and_shown_once_alone_on_the_last_line(app, rows):
    made = run(app, "create", "olga", "--role", "operator")
    assert made.exit_code == 0
    password = made.stdout.splitlines()[-1]
    assert len(password) >= 20
    assert "https://sms.example.com/console" in made.stdout
    with app.app_context():
        token, olga = operators.sign_in("olga", password)
        assert (olga.name, olga.role) == ("olga", Role.OPERATOR)
        assert operators.recognise(token) == olga
    row = rows.one(Operator)
    assert row.password_hash.startswith("scrypt:")
    assert password not in row.password_hash
    assert rows.one(OperatorSession).token_hash != token
    assert password not in run(app, "list").stdout


def test_a_password_can_be_typed_and_is_then_not_shown(app):
    typed = "long enough to be one"
    made = run(app, "create", "sam", "--role", "support", "--prompt", typed=f"{typed}\n{typed}\n")
    assert made.exit_code == 0
    assert typed not in made.output
    with app.app_context():
        assert operators.sign_in("sam", typed)


def test_a_short_password_is_refused(app, rows):
    made = run(app, "create", "sam", "--role", "support", "--prompt", typed="short\nshort\n")
    assert made.exit_code == 1
    assert "at least 12 characters" in made.output
    assert rows.all(Operator) == []


@pytest.mark.parametrize("name", ["", " ", "x" * 41, "a\nb"])
def test_a_name_is_short_and_printable(app, name):
    assert run(app, "create", name, "--role", "support").exit_code == 2


@cheap
def test_a_name_is_used_once(app):
    assert run(app, "create", "sam", "--role", "support").exit_code == 0
    again = run(app, "create", "sam", "--role", "operator")
    assert again.exit_code == 1
    assert "names are not used twice" in again.output


def test_a_role_must_be_one_we_know(app):
    assert run(app, "create", "sam").exit_code == 2
    assert run(app, "create", "sam", "--role", "admin").exit_code == 2


@cheap
def test_the_list_says_who_is_disabled(app):
    run(app, "create", "sam", "--role", "support")
    run(app, "create", "olga", "--role", "operator")
    assert run(app, "disable", "sam").exit_code == 0
    olga, sam = run(app, "list").stdout.splitlines()
    assert olga.startswith("olga ")
    assert "disabled" not in olga
    assert "disabled" in sam


@cheap
def test_who_is_disabled_is_let_in_by_no_session_and_gets_no_new_password(app):
    password = run(app, "create", "sam", "--role", "support").stdout.splitlines()[-1]
    with app.app_context():
        token, _ = operators.sign_in("sam", password)
        run(app, "disable", "sam")
        assert operators.recognise(token) is None
        assert operators.sign_in("sam", password) is None
    assert run(app, "password", "sam").exit_code == 1
    assert run(app, "disable", "sam").exit_code == 1
    assert run(app, "disable", "nobody").exit_code == 1


@cheap
def test_a_new_password_replaces_the_old_one_and_ends_all_sessions(app):
    old = run(app, "create", "sam", "--role", "support").stdout.splitlines()[-1]
    with app.app_context():
        token, _ = operators.sign_in("sam", old)
        new = run(app, "password", "sam").stdout.splitlines()[-1]
        assert operators.recognise(token) is None
        assert operators.sign_in("sam", old) is None
        assert operators.sign_in("sam", new)


@cheap
def test_a_password_changed_while_it_is_checked_lets_nobody_in(app, monkeypatch, rows):
    """The hash takes a while; what was right when it began is not enough."""
    password = run(app, "create", "sam", "--role", "support").stdout.splitlines()[-1]
    check = operators.check_password_hash

    def slow(*args):
        other = threading.Thread(target=run, args=(app, "disable", "sam"))
        other.start()
        other.join()
        return check(*args)

    monkeypatch.setattr(operators, "check_password_hash", slow)
    with app.app_context():
        assert operators.sign_in("sam", password) is None
    assert rows.all(OperatorSession) == []


@cheap
def test_sessions_that_have_ended_are_deleted_and_no_others(app, rows):
    password = run(app, "create", "olga", "--role", "operator").stdout.splitlines()[-1]
    with app.app_context():
        token, olga = operators.sign_in("olga", password)
        operators.sign_in("olga", password)
        with db.engine.begin() as conn:
            other = OperatorSession.token_hash != operators._hash(token)
            ended = {
                row.token_hash: row.seen_at
                for row in conn.execute(select(OperatorSession.__table__).where(other))
            }
            for hash_, seen_at in ended.items():
                of = OperatorSession.token_hash == hash_
                conn.execute(
                    update(OperatorSession).where(of).values(seen_at=seen_at - operators.IDLE)
                )
        assert (operators.count_ended(), operators.forget_ended()) == (1, 1)
        assert operators.forget_ended() == 0
        assert operators.recognise(token) == olga
