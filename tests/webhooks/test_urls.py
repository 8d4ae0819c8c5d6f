"""What an endpoint's address may be, and which addresses are the internet's."""

from ipaddress import ip_address

import pytest

from smsapp.providers.public_addresses import is_public, is_public_text
from smsapp.webhooks import urls

GOOD = [
    "https://shop.example.com/hook",
    "https://shop.example.com:8443/hook?key=1",
    "https://[2606:4700::1111]/",
    "https://93.184.216.34/",
]
BAD = {
    "https://shop:secret@example.com/": "user name",
    "https://@example.com/": "user name",
    "http://shop.example.com/": "https://",
    "ftp://shop.example.com/": "must be a URL",
    "file:///etc/passwd": "must be a URL",
    "https://": "must be a URL",
    "https://shop.example.com:99999/": "must be a URL",
    "https://[::1/": "must be a URL",
    "https://shop example.com/": "must be a URL",
    "https://shop.example.com/\r\nX: y": "must be a URL",
    "https://shop.example.com/#top": "fragment",
    f"https://shop.example.com/{'a' * 500}": "500 characters",
    "https://localhost/": "this machine",
    "https://localhost./": "this machine",
    "https://127.0.0.1/": "whole internet",
    "https://127.0.0.1./": "whole internet",
    "https://2130706433/": "whole internet",
    "https://0x7f.1/": "whole internet",
    "https://0177.0.0.1/": "whole internet",
    "https://shop.example.com:0/": "must be a URL",
    "https://bücher.example.com/": "ASCII",
    "https://[::ffff:10.0.0.1]/": "whole internet",
    "https://169.254.169.254/latest/meta-data": "whole internet",
}


@pytest.mark.parametrize("url", GOOD)
def test_an_address_of_the_internet_is_taken(url):
    assert urls.fault(url, allow_private=False) is None


@pytest.mark.parametrize("url", BAD)
def test_another_is_refused_with_the_reason(url):
    assert BAD[url] in urls.fault(url, allow_private=False)


def test_staging_may_have_private_ones_and_plain_http_but_no_credentials():
    assert urls.fault("http://127.0.0.1:9000/hook", allow_private=True) is None
    assert "user name" in urls.fault("http://me:x@127.0.0.1/", allow_private=True)


PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_known(address):
    assert not is_public(ip_address(address))
    assert not is_public_text(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_a_public_one_too(address):
    assert is_public_text(address)


def test_what_is_no_address_is_not_public():
    assert not is_public_text("/run/some.socket")
    assert not is_public_text("fe80::1%eth0")
