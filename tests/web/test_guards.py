"""Every door has a guard, and the guards know whom they let in."""

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from smsapp import config
from smsapp.errors import InvalidSignature
from smsapp.web import guards
from tests.conftest import ENVIRONMENT, TOKEN, make_app, on_one_database, settings_of
from tests.web import signing
from tests.web.signing import receipt, signature

METRICS_TOKEN = "a token for the metrics alone"


def unguarded(app):
    """Return the addresses that nobody decided about; static files are open by their nature."""
    views = {rule.rule: app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules()}
    static = app.view_functions["static"]
    return [
        address
        for address, view in views.items()
        if view is not static and not getattr(view, "guard", None)
    ]


def test_every_address_has_a_guard():
    assert unguarded(make_app()) == []


def test_an_address_without_a_guard_would_be_found():
    app = make_app()
    app.add_url_rule("/open", view_func=lambda: "")
    assert unguarded(app) == ["/open"]


def test_the_guard_of_each_address_is_the_one_meant_for_it():
    app = make_app()
    for rule in app.url_map.iter_rules():
        guard = getattr(app.view_functions[rule.endpoint], "guard", None)
        if rule.rule.startswith("/api/"):
            assert guard == "api_key", rule
        if rule.rule.startswith("/twilio/"):
            assert guard == "twilio_signed", rule
        if rule.rule == "/metrics":
            assert guard == "metrics_token"
        if rule.rule in {"/openapi.json", "/docs"}:
            assert guard == "public"  # whoever is to get a key may read first


# Signatures made by Twilio's own library with the token "12345".
STATUS = {
    "SmsSid": "SM11111111111111111111111111111111",
    "SmsStatus": "delivered",
    "MessageStatus": "delivered",
    "To": "+15005550010",
    "MessageSid": "SM11111111111111111111111111111111",
    "AccountSid": "AC00000000000000000000000000000000",
    "From": "+15005550006",
    "ApiVersion": "2010-04-01",
    "RawDlrDoneDate": "2601021530",
}
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}
STOP = {"Body": "STOP ", "FromCity": "", "From": "+15005550010", "NumMedia": "0"}
CAFE = {"Body": "Café 😀 €5", "From": "+15005550010"}
ABC = {"a": "1", "B": "2", "C": "3"}
REPEATED = {"x": ["2", "1", "2"], "y": ["0"]}
ESCAPED = "/in?n=O%27Neil%20x+y&z=%2B1"
EXAMPLE, APP, LOCAL = "https://example.com", "https://app.example.com", "http://127.0.0.1:5000"
VECTORS = {
    "with a query": (EXAMPLE, "/myapp.php?foo=1&bar=2", CALL, "L/OH5YylLD5NRKLltdqwSvS0BnU="),
    "a status callback": (APP, "/twilio/status", STATUS, "AoN6fhJrh8oDG/dyL5rxp33RafI="),
    "a slash at the end": (APP, "/twilio/status/", STATUS, "KhZGLN9BJ2955qqw/wGOEAV0x/s="),
    "port 443 said": (f"{APP}:443", "/twilio/status", STATUS, "zOQNcLyMTvh0oDTELz4kIej30Qw="),
    "port 443 not said": (APP, "/twilio/status", STATUS, "zOQNcLyMTvh0oDTELz4kIej30Qw="),
    "http on port 5000": (LOCAL, "/twilio/status", STATUS, "XoNTMUbZs26aluFomfQpTuja2X4="),
    "https on port 8443": (f"{APP}:8443", "/twilio/status", STATUS, "F5NWPkE2XKvV8zfxBGoYIkQsYhI="),
    "blank fields": (APP, "/in", STOP, "8OdCGzNTbOnLmTW3MSyZ/D5LUc4="),
    "Unicode": (APP, "/in", CAFE, "2bzYEt7ycFwEL4Q2m1fKD/CzSR0="),
    "upper before lower": (APP, "/in", ABC, "DjtQn7ino+Hsqo3d4dWA8/0yOEA="),
    "a repeated field": (APP, "/in", REPEATED, "J9aQgfDsOT77zgqpQWO1tujb22Q="),
    "a query as it was escaped": (APP, ESCAPED, {"From": "+1"}, "aAChA4gkxIRN4gab5RYHCuQJalM="),
}
SHA256_VECTORS = {
    "with a query": (
        *VECTORS["with a query"][:3],
        "qMztBq0IANMH/q0K9sCfKQJLylezvRdRzRS647SAVow=",
    ),
    "a status callback": (
        *VECTORS["a status callback"][:3],
        "2JkxL2PDCr3axq/LPPd+KTvr4C1ajZ7T9aPxQKq2o60=",
    ),
}


def door(base_url):
    """An app with one signed address for every path, reached at this base URL."""
    app = Flask("door")
    environment = ENVIRONMENT | {"PUBLIC_BASE_URL": base_url, "TWILIO_AUTH_TOKEN": "12345"}
    app.extensions["settings"] = config.load(environment)
    view = guards.twilio_signed(lambda path: ("", 204))
    app.add_url_rule("/<path:path>", view_func=view, methods=["POST"], endpoint="door")
    app.register_error_handler(InvalidSignature, lambda error: (error.text, error.status))
    return app.test_client()


@pytest.mark.parametrize("name", VECTORS)
def test_twilios_own_signatures_are_believed(name):
    base, path, fields, signed = VECTORS[name]
    answer = door(base).post(path, data=fields, headers={"X-Twilio-Signature": signed})
    assert answer.status_code == 204


@pytest.mark.parametrize("name", VECTORS)
def test_no_field_may_be_added_dropped_or_changed(name):
    base, path, fields, signed = VECTORS[name]
    client, headers = door(base), {"X-Twilio-Signature": signed}
    for field in fields:
        dropped = {name: value for name, value in fields.items() if name != field}
        assert client.post(path, data=dropped, headers=headers).status_code == 403
        changed = fields | {field: "other"}
        assert client.post(path, data=changed, headers=headers).status_code == 403
    added = fields | {"Zulu": ""}
    assert client.post(path, data=added, headers=headers).status_code == 403


@pytest.mark.parametrize("name", SHA256_VECTORS)
def test_a_header_does_not_choose_how_it_is_checked(name):
    # Shared keys sign with SHA-256. We have none: settings choose the algorithm, nobody else.
    base, path, fields, signed = SHA256_VECTORS[name]
    headers = {
        "X-Twilio-Signature": signed,
        "X-Twilio-Webhooks-Signature-Settings": "key=SK1,algorithm=HMAC_SHA256",
    }
    assert door(base).post(path, data=fields, headers=headers).status_code == 403


GOOD = "AoN6fhJrh8oDG/dyL5rxp33RafI="
OF_ANOTHER = VECTORS["a slash at the end"][-1]
STATUS_PATH = "/twilio/status"


@pytest.mark.parametrize(
    ("base", "path", "signed"),
    [
        *[
            (APP, STATUS_PATH, signed)
            for signed in (
                None,
                "",
                "x",
                "A" * 28,
                GOOD[:-1],
                f"{GOOD}é",
                OF_ANOTHER,
            )
        ],
        # It is good at its own address alone.
        (APP, "/twilio/status?attempt=1", GOOD),
        (APP, "/twilio/statuses", GOOD),
        ("http://app.example.com", STATUS_PATH, GOOD),
        ("https://other.example.com", STATUS_PATH, GOOD),
        (f"{APP}/sms", STATUS_PATH, GOOD),
    ],
)
def test_no_signature_and_any_other_or_of_another_address_is_refused(base, path, signed):
    headers = {} if signed is None else {"X-Twilio-Signature": signed}
    answer = door(base).post(path, data=STATUS, headers=headers)
    assert (answer.status_code, answer.text) == (403, "invalid signature")


@on_one_database
@pytest.mark.parametrize(
    "base",
    ["https://shop.example/sms", "https://shop.example:8443/a/b", "http://127.0.0.1:8000"],
)
def test_the_public_address_may_have_a_path_and_a_port(app, client, base):
    url = f"{base}{signing.PATH}?attempt=x"
    headers = {"X-Twilio-Signature": signature(url, receipt())}
    with settings_of(app, PUBLIC_BASE_URL=f"{base}/"):
        answer = client.post(f"{signing.PATH}?attempt=x", data=receipt(), headers=headers)
    assert answer.status_code == 204


@on_one_database
@pytest.mark.parametrize(
    "header",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-Prefix": "/evil"},
        {"X-Original-URL": "/evil"},
        {"Forwarded": "host=evil.example"},
    ],
)
@pytest.mark.parametrize("proxies", ["0", "1"])
def test_no_header_says_where_we_are(app, header, proxies):
    url = app.extensions["settings"].database_url
    behind = make_app(DATABASE_URL=url, TRUSTED_PROXIES=proxies).test_client()
    assert signing.post(behind, receipt(), **header).status_code == 204
    forged = signature(f"https://evil.example{signing.PATH}", receipt())
    answer = signing.post(behind, receipt(), **header, **{"X-Twilio-Signature": forged})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("shown", "address", "network"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.7:54321", "203.0.113.7", "203.0.113.7/32"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::/48"),
        ("[2001:db8::1]:443", "2001:db8::1", "2001:db8::/48"),
        ('"[2001:db8:0:ffff::1]"', "2001:db8:0:ffff::1", "2001:db8::/48"),
        ("2001:db8:1::1", "2001:db8:1::1", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::1", "fe80::/48"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7/32"),
        ("[::FFFF:cb00:7107]:1", "203.0.113.7", "203.0.113.7/32"),
        ("unknown", None, "unknown"),
        ("_hidden", None, "unknown"),
        ("203.0.113.300", None, "unknown"),
    ],
)
def test_a_clients_address_is_read_however_a_proxy_writes_it(shown, address, network):
    app = make_app(TRUSTED_PROXIES="1")
    app.add_url_rule("/whence", view_func=lambda: f"{guards.client_address()} {guards.network()}")
    answer = app.test_client().get("/whence", headers={"X-Forwarded-For": f"198.51.100.1, {shown}"})
    assert answer.text == f"{address} {network}"


def test_nothing_that_stands_for_an_address_is_a_fault():
    app = make_app()

    @given(st.text() | st.text('[]:.%"0123456789abcdef'))
    def is_read(shown):
        with app.test_request_context(environ_base={"REMOTE_ADDR": shown}):
            assert guards.network()

    is_read()


def test_while_a_token_is_rotated_both_are_good(app, client):
    fields, url = receipt(), signing.BASE + signing.PATH
    by_old = {"X-Twilio-Signature": signature(url, fields, TOKEN)}
    by_new = {"X-Twilio-Signature": signature(url, fields, "the-next-token")}
    assert signing.post(client, fields, **by_new).status_code == 403
    with settings_of(app, TWILIO_AUTH_TOKEN_SECONDARY="the-next-token"):
        assert signing.post(client, fields, **by_new).status_code == 204
        assert signing.post(client, fields, **by_old).status_code == 204


def test_an_api_keys_secret_does_not_sign(app, client):
    secret = {"TWILIO_API_KEY_SID": f"SK{1:032x}", "TWILIO_API_KEY_SECRET": "rest-secret"}
    signed = signature(signing.BASE + signing.PATH, receipt(), "rest-secret")
    with settings_of(app, **secret):
        answer = signing.post(client, receipt(), **{"X-Twilio-Signature": signed})
    assert answer.status_code == 403


def test_on_this_machine_signatures_may_be_switched_off(app, client):
    with settings_of(
        app, PUBLIC_BASE_URL="http://localhost:8000", REQUIRE_TWILIO_SIGNATURE="false"
    ):
        assert client.post(signing.PATH, data=receipt()).status_code == 204


def test_without_a_token_in_the_settings_there_are_no_metrics(client):
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        answer = client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json["error"]) == (404, "not_found")


@on_one_database
@pytest.mark.parametrize(
    "shown", [None, "", "Bearer", "Bearer wrong", "Bearer né", f"Basic {METRICS_TOKEN}"]
)
def test_metrics_are_for_who_shows_their_token(app, client, shown):
    headers = {} if shown is None else {"Authorization": shown}
    with settings_of(app, METRICS_TOKEN=METRICS_TOKEN):
        answer = client.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json["error"]) == (401, "unauthorized")
        shown = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        answer = client.get("/metrics", headers=shown)
    assert answer.status_code == 200
    assert answer.text.startswith("# HELP")
