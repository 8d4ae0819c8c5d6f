"""flask doctor on the mail server: there, trusted and open to us, or which of these it is not."""

import ssl
from urllib.parse import quote

import pytest

from smsapp.doctor import mail
from smsapp.doctor.findings import Mark
from smsapp.providers import smtp
from tests import mail_server
from tests.conftest import make_app
from tests.mail_server import PASSWORD, USER
from tests.providers.raw_server import CERTIFICATE


def look(url):
    with make_app(MAIL_URL=url, MAIL_FROM="orders@shop.example").app_context():
        (finding,) = mail.check_mail()
    assert PASSWORD not in finding.words + finding.advice
    return finding


@pytest.fixture
def trusted(monkeypatch):
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    monkeypatch.setattr(smtp, "_context", lambda: context)


def signed_in(server, password=PASSWORD):
    who = f"{quote(USER, '')}:{quote(password, '')}"
    return f"smtp+starttls://{who}@127.0.0.1:{server.port}"


def test_where_none_is_set_up_it_says_so():
    with make_app().app_context():
        (finding,) = mail.check_mail()
    assert (finding.mark, "not set up" in finding.words) == (Mark.OK, True)


def test_one_in_order_takes_mails_and_gets_none():
    with mail_server.serving() as server:
        finding = look(server.url)
        assert (finding.mark, finding.words) == (Mark.OK, "127.0.0.1 takes mails on this machine")
        assert server.mails == []


def test_one_that_lets_us_in_over_tls_is_in_order(trusted):
    with mail_server.serving(starttls=True, auth=True) as server:
        finding = look(signed_in(server))
    assert finding.mark is Mark.OK
    assert finding.words == "127.0.0.1 takes mails over TLS, and lets us in"


def test_a_wrong_password_is_a_fault_with_what_to_do(trusted):
    with mail_server.serving(starttls=True, auth=True) as server:
        finding = look(signed_in(server, "another"))
    assert finding.mark is Mark.FAULT
    assert "did not accept our user and password. (535)" in finding.words
    assert "Check MAIL_URL" in finding.advice


def test_a_certificate_that_is_none_to_trust_is_a_fault():
    with mail_server.serving(tls=True) as server:
        finding = look(f"smtps://127.0.0.1:{server.port}")
    assert (finding.mark, "certificate is not one to trust" in finding.words) == (Mark.FAULT, True)


def test_nobody_there_is_a_fault():
    finding = look("smtp://127.0.0.1:9")
    assert finding.mark is Mark.FAULT
    assert finding.words == "127.0.0.1, port 9: nothing takes the connection."


def test_one_that_is_busy_just_now_says_so():
    with mail_server.serving() as server:
        server.will("NOOP", "421 closing")
        finding = look(server.url)
    assert (finding.mark, "(421)" in finding.words) == (Mark.FAULT, True)
