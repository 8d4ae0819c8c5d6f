"""The mail server on the desk, over real SMTP, its list and its page."""

import smtplib
import time
from email.message import EmailMessage

import pytest
import requests

from smsapp.sandbox.testing import running
from tests.sandbox.desk import config_in
from tests.sandbox.desk_page import assert_fits, axe_faults
from tests.system import free_port

ANN = "ann@example.com"


@pytest.fixture(scope="module")
def shared_post(tmp_path_factory):
    """A sandbox with a mail server; a start takes longer than most tests."""
    folder = tmp_path_factory.mktemp("post")
    with running(config_in(folder, mail_port=free_port(), hang_seconds=0.5)) as sandbox:
        yield sandbox


@pytest.fixture
def post(shared_post):
    yield shared_post
    shared_post.reset()


def written(subject="Your order 1001 has shipped.", message_id="<1@shop.example>", **changes):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Books <orders@shop.example>", ANN, subject
    mail["Message-ID"] = message_id
    mail["List-Unsubscribe"] = "<https://sms.example.com/x>"
    mail.set_content(changes.get("text", "It has shipped. https://example.com/track"))
    mail.add_alternative(changes.get("html", "<p style='color:red'>It has shipped.</p>"), "html")
    return mail


def sends(post, mail=None, to=ANN, timeout=5):
    port = post.desk.config.mail_port
    with smtplib.SMTP("127.0.0.1", port, "shop.example", timeout=timeout) as smtp:
        return smtp.send_message(mail or written(), to_addrs=[to])


def get(post, path):
    return requests.get(post.url + path, timeout=5)


def test_mail_json_lists_what_was_taken_newest_first(post):
    for number in range(3):
        sends(post, written(f"Order {number}", f"<{number}@shop.example>"))
    listed = get(post, "/mail.json").json()["mails"]
    assert listed == post.mails()
    assert [mail["subject"] for mail in listed] == ["Order 2", "Order 1", "Order 0"]
    newest = listed[0]
    assert (newest["id"], newest["to"], newest["copies"]) == ("2@shop.example", ANN, 1)
    assert newest["from"] == "Books <orders@shop.example>"
    assert newest["text"].strip() == "It has shipped. https://example.com/track"
    assert newest["headers"]["List-Unsubscribe"] == "<https://sms.example.com/x>"
    assert newest["createdAt"].endswith("Z")


def test_a_mail_that_comes_again_is_one(post):
    for _ in range(2):
        sends(post)
    (mail,) = post.mails()
    assert mail["copies"] == 2
    assert "came 2 times with one Message-ID" in get(post, "/mails").text


def test_it_listens_on_this_machine_alone(post):
    with pytest.raises(OSError, match=r"refused|unreachable|timed out|No route"):
        smtplib.SMTP("127.0.0.2", post.desk.config.mail_port, timeout=2)


@pytest.mark.parametrize(("weather", "code"), [("mail_refused", 550), ("mail_busy", 450)])
def test_in_bad_weather_it_refuses_who_a_mail_is_for(post, weather, code):
    post.weather(**{weather: 100})
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        sends(post)
    assert refused.value.recipients[ANN][0] == code
    assert post.mails() == []
    post.clear_weather()
    sends(post)
    assert len(post.mails()) == 1


def test_in_silent_weather_a_mail_arrives_and_no_reply_does(post):
    post.weather(mail_silence=100)
    began = time.monotonic()
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        sends(post, timeout=0.2)
    assert time.monotonic() - began < 2
    assert len(post.mails()) == 1


def test_one_without_a_message_id_is_kept_too(post):
    for _ in range(2):
        mail = written()
        del mail["Message-ID"]
        sends(post, mail)
    assert len(post.mails()) == 2


def test_the_page_shows_the_newest_and_each_of_them(post):
    assert "No mails yet" in get(post, "/mails").text
    sends(post, written("First", "<1@shop.example>"))
    sends(post, written("Second", "<2@shop.example>"))
    page = get(post, "/mails").text
    assert "<h2>Second</h2>" in page
    assert '<a href="https://example.com/track" rel="noopener noreferrer">' in page
    assert "<dt>List-Unsubscribe</dt>" in page
    assert "<h2>First</h2>" in get(post, "/mails/1").text
    assert get(post, "/mails/99").url == f"{post.url}/mails"
    assert get(post, f"/mails?since={post.desk.revision}").status_code == 204
    assert get(post, "/mails?since=1").status_code == 200
    requests.post(f"{post.url}/mails/clear", timeout=5)
    assert post.mails() == []


def test_a_mail_cannot_do_anything_on_the_page(post):
    sends(post, written("<script>alert(1)</script>", html="<script>alert(2)</script>"))
    page = get(post, "/mails")
    assert "<script>alert" not in page.text
    assert '<iframe title="The mail as mail programs show it" sandbox src="/mails/1/html">' in (
        page.text
    )
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    framed = get(post, "/mails/1/html")
    assert framed.text.strip() == "<script>alert(2)</script>"
    rules = framed.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(rules)
    assert "script-src" not in str(rules)


def test_another_site_may_not_clear_it(post):
    sends(post)
    answer = requests.post(
        f"{post.url}/mails/clear", headers={"Origin": "https://evil.example"}, timeout=5
    )
    assert answer.status_code == 403
    assert len(post.mails()) == 1


def test_only_a_desk_with_a_mail_server_leads_to_its_page(post, sandbox):
    assert '<a href="/mails">Mail</a>' in get(post, "/").text
    assert "/mails" not in get(sandbox, "/").text


@pytest.mark.browser
def test_axe_finds_nothing_and_it_fits_a_phone(open_page, post):
    sends(post)
    page = open_page("/mails/1", of=post)
    assert axe_faults(page) == []
    assert page.frame_locator("iframe").get_by_text("It has shipped.").is_visible()
    page.set_viewport_size({"width": 360, "height": 800})
    assert_fits(page)
    assert axe_faults(open_page("/mails", of=post)) == []


@pytest.mark.browser
def test_a_new_mail_shows_up_by_itself(open_page, post):
    page = open_page("/mails", of=post)
    sends(post)
    page.get_by_role("heading", name="Your order 1001 has shipped.").wait_for()
