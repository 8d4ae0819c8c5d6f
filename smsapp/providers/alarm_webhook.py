"""Posting JSON to an address of the operator's: once, within seconds, to nowhere else."""

import json
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO, Any

# Of each wait for the other side.
TIMEOUT_SECONDS = 5.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Goes nowhere that the settings do not name: they say https, another address may not."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Let a redirect be the error that it is to us."""


_OPENER = urllib.request.build_opener(_NoRedirects)


def post(url: str, body: dict[str, Any]) -> str | None:
    """Post `body`; return None once it was taken, else a word for why not.

    The words are "http_500" and its like, "timeout" and "unreachable"; none repeats the address.
    """
    request = urllib.request.Request(  # noqa: S310  the settings take http and https only
        url,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "User-Agent": "smsapp"},
        method="POST",
    )
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"http_{error.code}"
    except TimeoutError:
        return "timeout"
    except urllib.error.URLError as error:
        return "timeout" if isinstance(error.reason, TimeoutError) else "unreachable"
    except (OSError, HTTPException):
        return "unreachable"
