"""What Twilio Verify says of a code, and in which language it sends one."""

import pytest

from smsapp.providers.http_client import rest_client
from smsapp.providers.verify import Checked, Verify, spoken_for
from tests.providers.raw_server import ACCOUNT, http


def test_whose_code_it_was_is_read_however_twilio_spells_the_number(serve):
    said = {"sid": "VE1", "status": "approved", "to": "+5215512345678", "valid": True}
    server = serve(http(200, said))
    verify = Verify(rest_client(ACCOUNT, ACCOUNT, "a-token", server.url, 5.0), "VA1")
    assert verify.check(sid="VE1", code="123456") == Checked("+525512345678", "approved")


@pytest.mark.parametrize(
    ("tag", "locale"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("en-gb", "en-GB"),
        ("zh-Hant-TW", "zh"),
        ("pt-BR", "pt-BR"),
        ("ga-IE", None),
        ("x-de", None),
    ],
)
def test_a_language_that_verify_does_not_speak_is_not_asked_for(tag, locale):
    assert spoken_for(tag) == locale
