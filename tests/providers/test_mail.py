"""Mails over real SMTP: what is certain afterwards, and every header as it is written."""

import re
import ssl
import time
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp import languages
from smsapp.mail_address import Mailbox
from smsapp.providers import mail, mail_text, smtp
from smsapp.providers.channel import Outgoing
from smsapp.providers.mail import Mail
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Refused, Unknown, Unwritten
from smsapp.providers.twilio_errors import ErrorClass, meaning
from tests import mail_server
from tests.conftest import make_app
from tests.mail_server import PASSWORD, USER
from tests.providers.raw_server import CERTIFICATE

ID, DELIVERY = "0" * 31 + "1", "0" * 31 + "2"
FROM = "Corner Books <orders@shop.example>"
ADDRESS = "ann@example.com"
LINK = "https://sms.example.com/mail/unsubscribe/" + "t" * 120


def message(**changes):
    words = {
        "id": ID,
        "delivery": DELIVERY,
        "to": ADDRESS,
        "title": "Your order 1001 has shipped.",
        "body": "Your order 1001 has shipped. Tracking: https://example.com/?a=1&b=2",
        "language": languages.ENGLISH,
        "callback": "",
        "valid_seconds": 60,
        "instead_of": "23",
        "unsubscribe": LINK,
    }
    return Outgoing(**words | changes)


@pytest.fixture
def server():
    with mail_server.serving() as server:
        yield server


def send(url, **changes):
    with make_app(MAIL_URL=url, MAIL_FROM=FROM, SHOP_NAME="Corner Books").app_context():
        return Mail(lambda *_: {}).send(message(**changes))


def headers(raw):
    """Return a mail's lines of headers as they were written, folded ones too."""
    return raw.partition(b"\r\n\r\n")[0].split(b"\r\n")


def test_a_mail_arrives_with_both_forms_of_its_words(server):
    assert send(server.url) == Sent(f"EM{ID}", "sent", None)
    assert server.rcpts == [ADDRESS]
    found = server.newest()
    text, page = found.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert text.get_content().splitlines() == [
        "Your order 1001 has shipped. Tracking: https://example.com/?a=1&b=2",
        "",
        "We could not reach your phone ending 23, so here it is by e-mail.",
        "",
        "-- ",
        f"No more e-mails like this: {LINK}",
    ]
    html = page.get_content()
    assert '<a href="https://example.com/?a=1&amp;b=2"' in html
    assert "We could not reach your phone ending 23" in html
    assert "Corner Books" in html
    for fetched in ("<img", "<script", "<link", "src=", "url(", "@import"):
        assert fetched not in html


def test_every_header_is_as_mail_programs_read_it(server):
    send(server.url)
    raw = server.mails[0]
    lines = headers(raw)
    assert f"List-Unsubscribe: <{LINK}>".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    assert f"To: {ADDRESS}".encode() in lines
    assert f"Message-ID: <{DELIVERY}@shop.example>".encode() in lines
    assert b"From: Corner Books <orders@shop.example>" in lines
    assert b"Auto-Submitted: auto-generated" in lines
    assert b"=?" not in b"\r\n".join(lines)
    found = server.newest()
    assert found["Subject"] == "Your order 1001 has shipped."
    assert abs(found["Date"].datetime - datetime.now(UTC)).total_seconds() < 60
    assert "X-Mailer" not in found


def test_a_retry_is_the_same_mail_with_another_sid(server):
    send(server.url)
    again = send(server.url, id="f" * 32)
    assert again == Sent("EM" + "f" * 32, "sent", None)
    first, second = server.mails
    assert re.findall(rb"Message-ID: .*", first) == re.findall(rb"Message-ID: .*", second)


def test_without_a_reason_and_a_link_neither_is_said(server):
    send(server.url, instead_of="", unsubscribe="")
    text, _ = server.newest().iter_parts()
    assert text.get_content().strip().endswith("https://example.com/?a=1&b=2")
    assert "List-Unsubscribe" not in server.newest()


@pytest.mark.parametrize("code", languages.NAMES)
def test_it_is_in_the_language_of_its_words(server, code):
    subject = "आपका ऑर्डर 1001 भेज दिया गया है। " * 3
    send(server.url, language=languages.of(code), title=subject, body=subject)
    found = server.newest()
    assert found["Subject"] == " ".join(subject.split())
    text, page = found.iter_parts()
    assert subject.strip() in text.get_content()
    assert f'<html lang="{code}">' in page.get_content()
    assert ("We could not" in text.get_content()) == (code == "en")
    assert b"23" in server.mails[0]
    # Source: RFC 2047, section 2: what holds an encoded word is a short line.
    assert all(len(line) <= 78 for line in headers(server.mails[0]) if b"=?" in line)
    assert all(len(line) <= 998 for line in server.mails[0].split(b"\r\n"))


def test_nothing_in_a_message_can_add_a_header_or_end_the_mail(server):
    evil = "1001\r\nBcc: bob@example.com\r\n\r\n.\r\nRSET"
    send(server.url, title=evil, body=f"{evil}\n.\n..\nthe end")
    assert server.rcpts == [ADDRESS]
    assert "Bcc" not in server.newest()
    assert server.newest()["Subject"] == "1001 Bcc: bob@example.com . RSET"
    text, _ = server.newest().iter_parts()
    assert "\r\n.\r\n..\r\nthe end" in text.get_content()


@pytest.mark.parametrize("to", [f"{ADDRESS}\r\nBcc: bob@example.com", "ann", f"{ADDRESS}>\r\nRSET"])
def test_an_address_that_is_none_is_refused_before_anybody_hears_of_it(server, to):
    assert send(server.url, to=to) == Refused(553, 553, None)
    assert server.mails == []


def test_html_in_the_words_stays_words(server):
    send(server.url, body="<script>alert(1)</script> & <b>", title="<i>")
    _, page = server.newest().iter_parts()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;" in page.get_content()
    assert "<title>&lt;i&gt;</title>" in page.get_content()


@given(st.text(), st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_the_words_are_there_is_one_of_each_header(title, body, shop):
    letter = mail_text.Letter(DELIVERY, ADDRESS, _whole(title), _whole(body), languages.ENGLISH)
    made = mail_text.compose(letter, Mailbox("Books", "a@b.example"), shop, datetime.now(UTC))
    names = [line.partition(b":")[0] for line in headers(made.encode("ascii")) if line[:1] != b" "]
    assert sorted(names) == sorted(set(names))
    assert len(names) == 7 + 1  # those of ours, and the one of MIME's version


def _whole(text):
    """Return a text without halves of characters, which no event can hold either."""
    return text.encode(errors="ignore").decode()


# What the server replies to which command, and what is certain afterwards.
REPLIES = [
    ("EHLO", "cut", Unwritten("connect")),
    ("MAIL", "421 closing", Refused(421, 421, None)),
    ("MAIL", "550 not from you", Refused(530, 530, None)),
    ("MAIL", "553 not yours", Refused(530, 530, None)),
    ("MAIL", "530 sign in", Refused(530, 530, None)),
    ("MAIL", "cut", Unwritten("connect")),
    ("RCPT", "450 greylisted", Refused(450, 450, 300.0)),
    ("RCPT", "451 try later", Refused(451, 451, 300.0)),
    ("RCPT", "550 5.1.1 no such user", Refused(550, 550, None)),
    ("RCPT", "552 full", Refused(552, 552, None)),
    ("RCPT", "251 will forward", None),
    ("RCPT", "299 hm", Unwritten("bad_answer")),
    ("RCPT", "cut", Unwritten("connect")),
    ("DATA", "452 no room", Refused(452, 452, 300.0)),
    ("DATA", "554 spam", Refused(554, 554, None)),
    ("DATA", "cut", Unknown("reset", None, None)),
    ("DATA", "299 hm", Unknown("bad_answer", None, None)),
]


@pytest.mark.parametrize(("command", "reply", "outcome"), REPLIES)
def test_each_reply_says_what_is_certain(server, command, reply, outcome):
    server.will(command, reply)
    assert send(server.url) == (outcome or Sent(f"EM{ID}", "sent", None))
    assert send(server.url) == Sent(f"EM{ID}", "sent", None)  # the next call starts anew


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        ("EHLO", Unwritten("timeout")),
        ("MAIL", Unwritten("timeout")),
        ("RCPT", Unwritten("timeout")),
        ("DATA", Unknown("timeout", None, None)),
    ],
)
def test_silence_is_waited_for_no_longer_than_a_call_may_take(
    server, monkeypatch, command, outcome
):
    monkeypatch.setattr(mail, "CALL_SECONDS", 0.5)
    server.will(command, 30)
    began = time.monotonic()
    assert send(server.url) == outcome
    assert time.monotonic() - began < 3


def test_the_time_is_over_the_whole_call_and_not_over_each_wait(server, monkeypatch):
    monkeypatch.setattr(mail, "CALL_SECONDS", 1.0)
    for command in ("EHLO", "MAIL", "RCPT"):
        server.will(command, 0.45)
    began = time.monotonic()
    assert send(server.url) == Unwritten("timeout")
    assert time.monotonic() - began < 3


def test_nobody_there_and_no_such_name_are_told_apart():
    assert send("smtp://127.0.0.1:9") == Unwritten("connect")
    assert send("smtps://mail.invalid") == Unwritten("dns")
    assert send(f"smtps://{'a' * 64}.example") == Unwritten("dns")


def test_where_nothing_is_set_up_nothing_leaves():
    with make_app().app_context():
        channel = Mail(lambda *_: {})
        assert not channel.is_configured
        assert channel.send(message()) == Unwritten("not_set_up")


@pytest.fixture
def trusted(monkeypatch):
    """Trust the test's own certificate."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    monkeypatch.setattr(smtp, "_context", lambda: context)


def signed_in(server, scheme, password=PASSWORD, host="127.0.0.1"):
    return f"{scheme}://{quote(USER, '')}:{quote(password, '')}@{host}:{server.port}"


@pytest.mark.parametrize(("scheme", "how"), [("smtps", "tls"), ("smtp+starttls", "starttls")])
def test_a_certificate_has_to_be_one_to_trust(scheme, how):
    with mail_server.serving(**{how: True}) as server:
        assert send(f"{scheme}://127.0.0.1:{server.port}") == Unwritten("tls")
        assert server.mails == []


@pytest.mark.parametrize(("scheme", "how"), [("smtps", "tls"), ("smtp+starttls", "starttls")])
def test_over_tls_a_mail_arrives(trusted, scheme, how):
    with mail_server.serving(**{how: True}) as server:
        assert isinstance(send(f"{scheme}://localhost:{server.port}"), Sent)
        assert server.rcpts == [ADDRESS]


def test_a_server_without_starttls_gets_nothing_in_the_clear(server, trusted):
    assert send(f"smtp+starttls://127.0.0.1:{server.port}") == Unwritten("tls")
    assert server.mails == []


def test_who_signs_in_with_another_password_holds_the_sender(trusted):
    with mail_server.serving(starttls=True, auth=True) as server:
        assert isinstance(send(signed_in(server, "smtp+starttls")), Sent)
        refused = send(signed_in(server, "smtp+starttls", "another"))
        assert refused == Refused(535, 535, None)
        assert send(f"smtp+starttls://127.0.0.1:{server.port}") == Refused(530, 530, None)
    assert meaning(535).holds_sender
    assert meaning(530).holds_sender


def test_a_server_that_knows_no_way_in_holds_the_sender(server):
    assert send(signed_in(server, "smtp")) == Refused(534, 534, None)
    assert meaning(534).holds_sender


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (421, ErrorClass.TRANSIENT),
        (450, ErrorClass.TRANSIENT),
        (471, ErrorClass.TRANSIENT),
        (550, ErrorClass.PERMANENT),
        (554, ErrorClass.PERMANENT),
        (571, ErrorClass.PERMANENT),
        (530, ErrorClass.CONFIGURATION),
        (535, ErrorClass.CONFIGURATION),
    ],
)
def test_4xx_is_tried_again_and_5xx_is_final(code, expected):
    found = Mail.meaning(code, code)
    assert (found.error_class, found.code, found.docs_url) == (expected, code, None)
    assert not found.elsewhere


def test_nobody_can_be_asked_about_a_mail():
    channel = Mail(lambda *_: {})
    assert channel.find("EM" + ID) == Refused(404, None, None)
    assert channel.find_to(ADDRESS, datetime.now(UTC)) is None
    assert channel.read_callback({"MessageSid": "EM" + ID}) is None
