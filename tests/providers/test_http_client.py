import base64
import os
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsapp.providers.http_client import CurlClient, _form
from smsapp.providers.outcomes import CallFailed, Refused, Unknown, Unwritten
from tests.providers.raw_server import CERTIFICATE, http, silence, then_hang_up

URL = "https://api.twilio.com/2010-04-01/Accounts.json"


def outcome(client, method="GET", uri=URL, **arguments):
    with pytest.raises(CallFailed) as failed:
        client.request(method, uri, **arguments)
    return failed.value.outcome


def test_a_get_carries_its_query_and_no_body(serve):
    server = serve(http(200, {"messages": []}))
    response = CurlClient(server.url).request("GET", URL, params={"To": "+1 2", "PageSize": 5})
    assert (response.status_code, response.text) == (200, '{"messages": []}')
    request = server.requests[0]
    assert request.startswith(b"GET /2010-04-01/Accounts.json?To=%2B1+2&PageSize=5 HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\n")


def test_a_query_is_added_to_the_one_of_a_next_page(serve):
    server = serve(http(200, {}))
    CurlClient(server.url).request("GET", URL + "?Page=1", params={"PageSize": 5})
    assert b"?Page=1&PageSize=5 HTTP" in server.requests[0]


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())))
def test_a_form_is_encoded_as_pythons_own(fields):
    assert _form(fields) == urlencode(fields, doseq=True, errors="replace")


def test_other_methods_go_out_as_they_are(serve):
    server = serve(http(204))
    assert CurlClient(server.url).request("DELETE", URL).status_code == 204
    assert server.requests[0].startswith(b"DELETE /2010-04-01/")


def test_the_credentials_are_basic_authentication(serve):
    server = serve(http(200, {}))
    CurlClient(server.url).request("GET", URL, auth=("AC1", "s:e:cret"))
    assert base64.b64encode(b"AC1:s:e:cret") in server.requests[0]


def test_a_path_in_the_base_url_comes_first(serve):
    server = serve(http(200, {}))
    CurlClient(server.url + "/twilio/").request("GET", URL)
    assert server.requests[0].startswith(b"GET /twilio/2010-04-01/Accounts.json HTTP")


@pytest.mark.parametrize(
    "uri",
    [
        "https://verify.twilio.com/v2/Services",
        "https://api.dublin.ie1.twilio.com/v2/Services",
        "https://not-twilio.example/v2/Services",
    ],
)
def test_with_a_base_url_every_address_leads_there(serve, uri):
    server = serve(http(200, {}))
    CurlClient(server.url).request("GET", uri)
    assert server.requests[0].startswith(b"GET /v2/Services HTTP")


def test_with_a_base_url_the_proxy_of_the_environment_is_not_asked(serve, monkeypatch):
    proxy, server = serve(http(200, {})), serve(http(200, {}))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("all_proxy", proxy.url)
    CurlClient(server.url).request("GET", URL)
    assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    "uri",
    [
        "https://api.twilio.com.example/2010-04-01",
        "https://eviltwilio.com/2010-04-01",
        "https://api.twilio.com@127.0.0.1/2010-04-01",
        "https://127.0.0.1/.twilio.com/",
        "https://127.0.0.1#.twilio.com/",
        "https://api.twilio.com:8443/2010-04-01",
        "http://api.twilio.com/2010-04-01",
    ],
)
def test_without_a_base_url_only_twilios_own_hosts_are_reached(serve, monkeypatch, uri):
    proxy = serve(http(503))
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    assert outcome(CurlClient(), uri=uri) == Unwritten("host")
    assert proxy.connections == 0


@pytest.mark.parametrize("host", ["api.twilio.com", "api.dublin.ie1.twilio.com"])
def test_twilios_hosts_are_reached_through_the_proxy_of_the_environment(serve, monkeypatch, host):
    # The proxy refuses, so that nothing leaves this machine.
    proxy = serve(http(503))
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "")
    assert outcome(CurlClient(), "POST", f"https://{host}/x", data={"a": 1}) == Unwritten("connect")
    assert proxy.requests[0].startswith(f"CONNECT {host}:443 ".encode())


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "127.0.0.1:5001",
        "ftp://host",
        "https://",
        "https://me@host",
        "https://h?q",
        "http://h#f",
    ],
)
def test_a_base_url_that_is_no_address_is_refused_at_once(base_url):
    with pytest.raises(ValueError, match="base URL"):
        CurlClient(base_url)


def test_connections_are_kept_also_under_tls(serve):
    server = serve(http(200, {}), tls=True)
    client = CurlClient(server.url, ca_bundle=str(CERTIFICATE))
    for _ in range(3):
        client.request("POST", URL, data={"Body": "hello"})
    assert (len(server.requests), server.connections) == (3, 1)


def test_a_connection_closed_at_rest_is_noticed_before_the_next_request(serve):
    server = serve(then_hang_up(http(200, {})))
    client = CurlClient(server.url)
    for _ in range(3):
        client.request("POST", URL, data={"Body": "hello"})
        server.settle()
    assert (len(server.requests), server.connections) == (3, 3)


def test_a_child_process_does_not_share_its_parents_connection(serve):
    server = serve(http(200, {}))
    client = CurlClient(server.url)
    client.request("GET", URL)
    pool = client._pool
    ((key, handles),) = pool.idle.items()
    assert key == (os.getpid(), "")
    pool.idle = {(-1, ""): handles}  # as the child of that process sees it
    client.request("GET", URL)
    assert server.connections == 2


def test_a_long_body_leaves_at_once_and_whole(serve):
    server = serve(http(200, {}))
    CurlClient(server.url, timeout_seconds=0.9).request("POST", URL, data={"Body": "x" * 2_000_000})
    assert len(server.requests[0].partition(b"\r\n\r\n")[2]) == 2_000_005
    assert b"expect" not in server.requests[0].lower()


def test_an_endless_answer_is_cut_off(serve):
    server = serve(http(200, b" " * 9_000_000))
    assert outcome(CurlClient(server.url)) == Unknown("bad_answer", 200, None)


def test_a_call_may_have_a_deadline_of_its_own(serve):
    server = serve(silence)
    assert outcome(CurlClient(server.url), timeout=0.1) == Unknown("timeout", None, None)


def test_nothing_of_a_request_is_kept_for_inspection(serve):
    client = CurlClient(serve(http(200, {})).url)
    client.request("POST", URL, data={"Body": "hello"}, auth=("AC1", "secret"))
    assert client._test_only_last_request is None
    assert client._test_only_last_response is None


def test_a_failure_holds_none_of_the_answers_text(serve):
    server = serve(http(400, {"code": 21211, "message": "+15558675310 is not valid"}))
    with pytest.raises(CallFailed) as failed:
        CurlClient(server.url).request("POST", URL)
    assert failed.value.outcome == Refused(400, 21211, None)
    assert "5310" not in repr(failed.value) + str(failed.value)
