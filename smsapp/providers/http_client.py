"""How requests reach Twilio: libcurl under Twilio's SDK, which takes an HTTP client of one's own.

Two promises that the SDK's own client does not make: a POST is never written twice, and a failed
call says whether Twilio may have seen it.
"""

import base64
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urljoin, urlsplit

import certifi
import pycurl
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from smsapp.providers import outcomes
from smsapp.providers.curl_pool import Pool
from smsapp.providers.outcomes import CallFailed, Unwritten

# Seconds. An idle connection is not used again after this, well before the 60 s or so after
# which load balancers close theirs: a request that meets a closing one has an unknown outcome.
_IDLE_SECONDS = 15

# Bytes. A page of a thousand messages is about 1 MB; what is larger is not Twilio's.
_MAX_ANSWER = 8 * 1024 * 1024

# With a region or an edge, Twilio's hosts are like api.dublin.ie1.twilio.com.
_TWILIO_HOST = re.compile(r"https://(?:[a-z0-9-]+\.)+twilio\.com/", re.IGNORECASE)

_BASE_URL = re.compile(r"https?://[^/?#@\s]+(?:/[^?#\s]*)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer without its body: the headers by their names in lower case."""

    status: int
    headers: Mapping[str, str]


class _Head:
    """What an answer begins with, read as it comes: libcurl cannot be asked meanwhile."""

    def __init__(self) -> None:
        self.is_2xx = False
        self.fields: dict[str, str] = {}

    def read(self, line: bytes) -> None:
        """Read a line of it; a status line begins it anew, as after "100 Continue"."""
        text = line.decode("latin-1")
        if text.startswith("HTTP/"):
            self.is_2xx, self.fields = text.partition(" ")[2].startswith("2"), {}
            return
        name, colon, value = text.partition(":")
        if colon:
            self.fields[name.strip().lower()] = value.strip()


class CurlClient(HttpClient):  # type: ignore[misc]  # the SDK ships no types
    """An HTTP client for `twilio.rest.Client`; one serves any number of threads.

    Args:
        base_url: Replaces scheme and host of every address, such as "http://127.0.0.1:5001", and
            then no other host is reached. None: Twilio's own hosts, and those only.
        timeout_seconds: Of a whole call, from the name look-up to the last byte of the answer.
        ca_bundle: File of the certificate authorities to trust; certifi's if None.

    Raises:
        ValueError: `base_url` is no address, or has a user name, query or fragment.
    """

    def __init__(
        self,
        base_url: str | None = None,
        timeout_seconds: float = 10.0,
        ca_bundle: str | None = None,
    ) -> None:
        if base_url is not None and not _BASE_URL.fullmatch(base_url):
            raise ValueError("The base URL must be like https://host or http://host:port.")
        super().__init__(logger=None, is_async=False, timeout=timeout_seconds)
        self._base_url = base_url and base_url.rstrip("/")
        self._ca_bundle = ca_bundle
        self._pool = Pool()

    def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Make one request and return its answer, a 2xx; redirects are never followed.

        Raises:
            CallFailed: Anything else happened.
        """
        url = self._address(uri)
        if params:
            url += ("&" if "?" in url else "?") + _form(params)
        sent, answer = io.BytesIO(_form(data or {}).encode()), io.BytesIO()
        handle = self._pool.take()
        curl = handle.curl
        try:
            self._set_up(curl, timeout or self.timeout)
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.HTTPHEADER, header_lines(headers or {}, auth))
            curl.setopt(pycurl.WRITEFUNCTION, answer.write)
            _set_method(curl, method, sent)
            handle.perform()
            return _success(curl, answer.getvalue())
        except pycurl.error as error:
            raise _failure(curl, error.args[0], sent) from None
        finally:
            self._pool.put_back(handle)

    def get(
        self,
        url: str,
        write: Callable[[bytes], int],
        *,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Get a file's bytes and return what the answer says of them, whatever its status.

        Args:
            url: Of Twilio's where `auth` is given, for nobody else gets our credentials; else any
                over HTTPS. With a base URL it leads there in any case, or nowhere.
            write: Takes the bytes of a 2xx as they come and returns how many it took; fewer end
                the call.
            auth: User name and password.
            headers: To ask with.
            timeout: Seconds for all of it.

        Raises:
            CallFailed: There is no whole answer.
        """
        head = _Head()
        handle = self._pool.take()
        curl = handle.curl
        try:
            self._set_up(curl, timeout or self.timeout)
            curl.setopt(pycurl.URL, self._address(url) if auth else self._public_address(url))
            curl.setopt(pycurl.HTTPHEADER, header_lines(headers or {}, auth))
            curl.setopt(pycurl.HEADERFUNCTION, head.read)
            curl.setopt(pycurl.WRITEFUNCTION, lambda some: write(some) if head.is_2xx else None)
            handle.perform()
            return Answer(curl.getinfo(pycurl.RESPONSE_CODE), head.fields)
        except pycurl.error as error:
            raise _failure(curl, error.args[0], io.BytesIO()) from None
        finally:
            self._pool.put_back(handle)

    def _public_address(self, url: str) -> str:
        """Return where a file lies that somebody else keeps for Twilio."""
        if _TWILIO_HOST.match(url):
            return self._address(url)
        if self._base_url is None:
            allowed = urlsplit(url).scheme == "https"
        else:
            allowed = urljoin(url, "/") == urljoin(self._base_url, "/")
        if not allowed:
            raise CallFailed(Unwritten("host"))
        return url

    def _address(self, uri: str) -> str:
        """Return where to send a request that the SDK addresses to `uri`."""
        if self._base_url is not None:
            path = uri.split("/", 3)[3]
            return f"{self._base_url}/{path}"
        if not _TWILIO_HOST.match(uri):
            raise CallFailed(Unwritten("host"))
        return uri

    def _set_up(self, curl: pycurl.Curl, timeout_seconds: float) -> None:
        """Set what is the same for every request; a handle at rest has forgotten it."""
        set_up(curl, timeout_seconds, self._ca_bundle)
        curl.setopt(pycurl.MAXFILESIZE_LARGE, _MAX_ANSWER)
        if self._base_url is not None:
            curl.setopt(pycurl.PROXY, "")  # not even the proxy of the environment


def rest_client(
    account_sid: str,
    username: str,
    password: str,
    base_url: str | None = None,
    timeout_seconds: float = 10.0,
    http: type[CurlClient] = CurlClient,
) -> Client:
    """Return Twilio's own client of one account, over libcurl; it serves any number of threads.

    Args:
        account_sid: "AC…".
        username: The account SID again, or the SID of an API key, "SK…".
        password: The auth token, or the API key's secret.
        base_url: Replaces scheme and host of Twilio's addresses: a sandbox or a proxy.
        timeout_seconds: Of one whole call.
        http: What makes its requests.

    Raises:
        ValueError: `base_url` is no address.
    """
    return Client(username, password, account_sid, http_client=http(base_url, timeout_seconds))


def set_up(curl: pycurl.Curl, timeout_seconds: float, ca_bundle: str | None = None) -> None:
    """Set what is the same for every request, to whomever; a handle at rest has forgotten it."""
    milliseconds = max(1, int(timeout_seconds * 1000))
    curl.setopt(pycurl.TIMEOUT_MS, milliseconds)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, milliseconds // 2))
    curl.setopt(pycurl.NOSIGNAL, 1)  # signals and threads do not mix
    # HTTP/2 may repeat a request by itself when a server refuses a stream.
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.MAXAGE_CONN, _IDLE_SECONDS)
    curl.setopt(pycurl.TCP_NODELAY, 1)
    curl.setopt(pycurl.TCP_KEEPALIVE, 1)
    curl.setopt(pycurl.CAINFO, ca_bundle or certifi.where())


def _form(fields: Mapping[str, object]) -> str:
    """Return `fields` form-encoded; half a surrogate pair, which has no encoding, becomes "?"."""
    return urlencode(fields, doseq=True, errors="replace")


def header_lines(headers: Mapping[str, str], auth: tuple[str, str] | None = None) -> list[str]:
    """Return the lines of a request's head."""
    # Without `Expect:` libcurl waits a second for "100 Continue" before it sends a long body.
    lines = ["Expect:", *(f"{name}: {value}" for name, value in headers.items())]
    if auth:
        token = base64.b64encode(":".join(auth).encode()).decode()
        lines.append(f"Authorization: Basic {token}")
    return lines


def _set_method(curl: pycurl.Curl, method: str, sent: io.BytesIO) -> None:
    """Set the method and, for a POST, where its body is read from."""
    if method.upper() == "POST":
        set_post(curl, sent)
    elif method.upper() != "GET":
        curl.setopt(pycurl.CUSTOMREQUEST, method.upper())


def set_post(curl: pycurl.Curl, sent: io.BytesIO) -> None:
    """Let a handle post what `sent` holds, once.

    READFUNCTION without a SEEKFUNCTION, and never POSTFIELDS: with a body that it can rewind,
    libcurl repeats a POST in silence when a kept-alive connection dies before the answer.
    """
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.POSTFIELDSIZE_LARGE, len(sent.getbuffer()))
    curl.setopt(pycurl.READFUNCTION, sent.read)


def _success(curl: pycurl.Curl, body: bytes) -> Response:
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    if 200 <= status < 300:
        return Response(status, body.decode(errors="replace"))
    # libcurl reads both forms, seconds and date, and answers 0 for none, past or garbage.
    retry_after = curl.getinfo(pycurl.RETRY_AFTER)
    raise CallFailed(outcomes.of_answer(status, body, float(retry_after) or None))


def _failure(curl: pycurl.Curl, error: int, sent: io.BytesIO) -> CallFailed:
    """Return what a call without a whole answer comes to.

    It is unwritten if libcurl counts no byte of it and has not begun to read its body. (The
    times do not tell: libcurl sets PRETRANSFER_TIME even if there was no connection.)
    """
    written = curl.getinfo(pycurl.REQUEST_SIZE) > 0 or sent.tell() > 0
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    return CallFailed(outcomes.of_error(error, written=written, status=status))
