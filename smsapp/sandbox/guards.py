"""Who may talk to the sandbox: programs and pages of this machine."""

from urllib.parse import urlsplit

from flask import abort, request

from smsapp.sandbox.config import LOOPBACK

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def only_this_machine() -> None:
    """Refuse a request whose Host is not loopback: a web page that points its own name here."""
    if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
        abort(421, "The sandbox answers to localhost and 127.0.0.1 only.")


def only_our_pages() -> None:
    """Refuse a change that a browser makes for another site; programs send neither header."""
    if request.method in _SAFE:
        return
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none") or (origin and origin != request.host_url.rstrip("/")):
        abort(403, "Another site may not change the sandbox.")
