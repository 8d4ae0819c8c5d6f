"""What the launcher asks both programs over HTTP: who answers, which key works, who is let in."""

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

SECONDS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a program on this machine; status 0: nobody answered."""

    status: int = 0
    cookies: str = ""
    page: str = ""


def is_up(port: int) -> bool:
    """Return whether a program answers on this port."""
    return _ask(port, "/healthz").status == 200


def is_ready(port: int) -> bool:
    """Return whether the app has its database, with this version's schema."""
    return _ask(port, "/readyz").status == 200


def takes_key(port: int, key: str) -> bool:
    """Return whether the app takes this API key, and for reading."""
    path, headers = "/api/deliveries?eventId=sandbox-check", {"Authorization": f"Bearer {key}"}
    return _ask(port, path, headers).status not in (401, 403)


def lets_in(port: int, name: str, password: str) -> bool:
    """Return whether the console lets somebody in, asked as by their browser."""
    path = "/console/sign-in"
    shown = _ask(port, path)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', shown.page)
    form = {"csrf_token": token[1] if token else "", "name": name, "password": password}
    return _ask(port, path, {"Cookie": shown.cookies}, form).status == 303


def _ask(
    port: int,
    path: str,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    sent = dict(headers or {})
    if form:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request("POST" if form else "GET", path, urlencode(form or {}), sent)
        answer = connection.getresponse()
        cookies = answer.headers.get_all("Set-Cookie", [])
        pairs = "; ".join(cookie.partition(";")[0] for cookie in cookies)
        return Answer(answer.status, pairs, answer.read().decode())
    except (OSError, http.client.HTTPException):
        return Answer()
    finally:
        connection.close()
