"""Who may come in. Every route has one of these guards; a test walks the URL map for it."""

import functools
import hmac
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, TypeVar

from flask import g, request
from twilio.request_validator import RequestValidator

from smsapp import api_keys, metrics, tally
from smsapp.api_keys import Scope
from smsapp.errors import Forbidden, InvalidSignature, NotFound, Unauthorized
from smsapp.extensions import settings
from smsapp.web import api_limits

# A text of 1,600 characters, each of them twelve bytes once encoded, and what comes with it.
MAX_WEBHOOK_BYTES = 64 * 1024

View = TypeVar("View", bound=Callable[..., Any])


def guarded(view: View, guard: str, check: Callable[[], Any]) -> View:
    """Return a view behind a guard: what `check` answers, if anything, is the answer."""

    @functools.wraps(view)
    def behind(*args: Any, **kwargs: Any) -> Any:
        answer = check()
        return view(*args, **kwargs) if answer is None else answer

    behind.guard = guard  # type: ignore[attr-defined]
    return behind  # type: ignore[return-value]


def takes(most: int) -> Callable[[View], View]:
    """Let a request be as large as this many bytes, where guards look into its form too."""

    def let(view: View) -> View:
        @functools.wraps(view)
        def behind(*args: Any, **kwargs: Any) -> Any:
            request.max_content_length = most
            return view(*args, **kwargs)

        return behind  # type: ignore[return-value]

    return let


def public(view: View) -> View:
    """Let anyone in; said aloud, so that forgetting a guard is not the same as choosing none."""
    return guarded(view, "public", lambda: None)


def api_key(scope: Scope, *, tests: bool = False) -> Callable[[View], View]:
    """Let a service in whose API key has the scope, as often as API_RATE_LIMIT allows.

    A test key only where `tests` says that nothing it does there is real.

    Raises:
        Unauthorized: No key, or one that is unknown or revoked.
        Forbidden: The key lacks the scope, or is a test key.
        flask_limiter.RateLimitExceeded: The key was used too often.
    """

    def check() -> None:
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        caller = api_keys.recognise(key.strip()) if kind.lower() == "bearer" else None
        if caller is None:
            raise Unauthorized
        g.caller = caller
        if scope not in caller.scopes:
            raise Forbidden(f"This API key has no “{scope}” scope.")
        if caller.is_test and not tests:
            raise Forbidden("A test key cannot do this: what it leads to is real.")
        api_limits.count()

    def guard(view: View) -> View:
        behind = guarded(view, "api_key", check)
        behind.scope = scope  # type: ignore[attr-defined]
        behind.takes_test_keys = tests  # type: ignore[attr-defined]
        return behind

    return guard


def twilio_signed(view: View) -> View:
    """Let Twilio in: the signature must fit all fields, at the address it was given.

    The address is built from PUBLIC_BASE_URL, for behind a proxy the request's own is another.

    Raises:
        InvalidSignature: It fits under neither the primary nor the secondary token.
    """
    return guarded(view, "twilio_signed", _check_signature)


def _check_signature() -> None:
    request.max_content_length = MAX_WEBHOOK_BYTES
    if settings().require_twilio_signature and not _is_signed():
        _count_refusal()
        raise InvalidSignature


def _count_refusal() -> None:
    """Count a webhook without our signature; one that has another may be Twilio's own.

    Then every receipt is refused, and somebody has to be told. Those who knock at every door of
    the internet send no such header.
    """
    why = "signature" if "X-Twilio-Signature" in request.headers else "no_signature"
    metrics.count(metrics.REFUSED, why)
    if why == "signature":
        tally.note(tally.SIGNATURE)


def _is_signed() -> bool:
    query = request.query_string.decode("ascii", "replace")
    url = f"{settings().public_base_url}{request.path}{'?' if query else ''}{query}"
    signature = request.headers.get("X-Twilio-Signature", "")
    return any(
        RequestValidator(token).validate(url, request.form, signature)
        for token in settings().webhook_tokens
    )


def metrics_token(view: View) -> View:
    """Let in who shows METRICS_TOKEN; without one in the settings there is no such page."""
    return guarded(view, "metrics_token", _check_metrics_token)


def _check_metrics_token() -> None:
    token = settings().metrics_token
    if token is None:
        raise NotFound
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(shown.encode(), token.get_secret_value().encode()):
        raise Unauthorized


# As proxies write it: "203.0.113.7:54321", "[2001:db8::1]:443"; a port, and a zone, are not of it.
_WITH_PORT = re.compile(r'"?(?:\[([^\]]*)\]|([^:]*))(?::[^:]*)?"?')
# What those share whose proxy keeps to itself where they are: "unknown", "_hidden".
NOWHERE = "unknown"


def client_address() -> IPv4Address | IPv6Address | None:
    """Return where the request comes from, as our proxies say; None where that is no address.

    An IPv4 address that is written as IPv6 is the same person's.
    """
    text = (request.remote_addr or "").strip()
    if part := _WITH_PORT.fullmatch(text):
        text = part[1] or part[2] or ""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def network() -> str:
    """Return whom an address belongs to: of IPv6 the /48, all of which one customer may have."""
    address = client_address()
    if address is None:
        return NOWHERE
    return str(ip_network((address, 48 if address.version == 6 else 32), strict=False))
