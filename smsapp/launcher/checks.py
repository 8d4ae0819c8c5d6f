"""What the launcher asks both programs over HTTP: who answers, which key works, who is let in."""

import re
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

SECONDS = 10


def is_up(port: int) -> bool:
    """Return whether a program answers on this port."""
    return _ask(port, "/healthz")[0] == 200


def is_ready(port: int) -> bool:
    """Return whether the app has its database, with this version's schema."""
    return _ask(port, "/readyz")[0] == 200


def takes_key(port: int, key: str) -> bool:
    """Return whether the app takes this API key, for reading and for webhooks."""
    return takes_test_key(port, key) and _takes(port, key, "/api/webhook-endpoints")


def takes_test_key(port: int, key: str) -> bool:
    """Return whether it takes this API key for reading, which is what a test key may."""
    return _takes(port, key, "/api/deliveries?eventId=sandbox-check")


def _takes(port: int, key: str, path: str) -> bool:
    return _ask(port, path, key)[0] not in (401, 403)


def lets_in(port: int, name: str, password: str) -> bool:
    """Return whether the console lets somebody in, asked as by their browser."""
    browser, path = _browser(), "/console/sign-in"
    _, page = _ask(port, path, browser=browser)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    form = {"csrf_token": token[1] if token else "", "name": name, "password": password}
    return _ask(port, path, form=form, browser=browser)[0] == 200


def _browser() -> OpenerDirector:
    # A proxy would look for 127.0.0.1 on its own machine.
    return build_opener(ProxyHandler({}), HTTPCookieProcessor())


def _ask(
    port: int,
    path: str,
    key: str = "",
    form: dict[str, str] | None = None,
    browser: OpenerDirector | None = None,
) -> tuple[int, str]:
    """Return an answer's status and page; status 0: nobody answered."""
    request = Request(f"http://127.0.0.1:{port}{path}", urlencode(form).encode() if form else None)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with (browser or _browser()).open(request, timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, ""
    except (OSError, HTTPException):
        return 0, ""
