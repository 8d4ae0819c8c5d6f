"""The account on the desk, an app of one address that notes every receipt, and Verify's calls."""

import base64
import http.client
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from twilio.base.exceptions import TwilioRestException
from werkzeug import Request, Response
from werkzeug.datastructures import Headers

from smsapp.sandbox.config import SandboxConfig

ACCOUNT, TOKEN, SHOP = "AC" + "0" * 32, "a-token", "+14155550100"
SERVICE, MESSAGING = "VA" + "3" * 32, "MG" + "2" * 32
KEY, SECRET = "SK" + "1" * 32, "a-secret"
# The number that Twilio lends to who tries WhatsApp, and the customer there.
WHATSAPP_SHOP, ON_WHATSAPP = "whatsapp:+14155238886", "whatsapp:+15558675310"
CUSTOMER, OTHER = "+15558675310", "+14155552671"


def config_in(folder, **changes):
    """Return a carrier without delays, with its file in a folder."""
    usual = {"pace": 0.0, "seed": 1} | changes
    return SandboxConfig(ACCOUNT, TOKEN, SHOP, folder / "sandbox.sqlite3", KEY, SECRET, **usual)


def refused(call, *args, **more):
    """Return the HTTP status and the code that a call of the SDK is refused with."""
    with pytest.raises(TwilioRestException) as raised:
        call(*args, **more)
    return raised.value.status, raised.value.code


@dataclass(frozen=True)
class Posted:
    url: str
    headers: Headers
    fields: dict[str, str]


@dataclass
class Receiver:
    """`answers` are used up in order; then it answers 204. A number below 100 is a nap in s.

    An answer may be a pair: a content type and what it says, with a 200. `pages` has answers of
    some paths alone.
    """

    base: str = ""
    posted: list[Posted] = field(default_factory=list)
    answers: list[float | tuple[str, str]] = field(default_factory=list)
    pages: dict[str, list[float | tuple[str, str]]] = field(default_factory=dict)

    @property
    def url(self):
        return f"{self.base}/twilio/status-callback"

    @Request.application
    def app(self, request):
        answers = self.pages.get(request.path, self.answers)
        answer = answers.pop(0) if answers else 204
        self.posted.append(Posted(request.url, request.headers, request.form.to_dict()))
        if isinstance(answer, tuple):
            return Response(answer[1], content_type=answer[0])
        if answer < 100:
            time.sleep(answer)
        return Response(status=204 if answer < 100 else answer)

    def statuses(self, sid=None):
        return [
            p.fields["MessageStatus"] for p in self.posted if sid in (None, p.fields["MessageSid"])
        ]


class Wire:
    """One connection that is never opened anew: what happens to it is seen as it is."""

    def __init__(self, url):
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        self._connection.connect()
        self._connection.auto_open = False

    def send(self):
        form = urlencode({"To": CUSTOMER, "From": SHOP, "Body": "Hello"})
        token = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        self._connection.request(
            "POST",
            f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
            form,
            {
                "Authorization": f"Basic {token}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self):
        self._connection.close()


def start(verify, to=CUSTOMER, channel="sms", **more):
    return verify.verifications.create(to=to, channel=channel, **more)


def check(verify, sandbox, code=None):
    """Check the newest verification, with the right code or another."""
    newest = sandbox.codes()[0]
    return verify.verification_checks.create(
        verification_sid=newest["sid"], code=code or newest["code"]
    )


def cancel(verify, sid):
    return verify.verifications(sid).update(status="canceled")
