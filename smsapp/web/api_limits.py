"""How often an API key may call, and what the answers say about that.

The headers are Flask-Limiter's own, but it would ask Redis twice for each answer (half of what a
duplicate costs) and put a Retry-After on every answer, a 202 too. Here a process asks once a second
for each key, and counts on from there.
"""

import time
from dataclasses import dataclass

from flask import g
from redis.exceptions import RedisError

from smsapp.extensions import RateLimitExceeded, limiter, settings

ASKED_EVERY_SECONDS = 1.0


@dataclass(slots=True)
class _Window:
    """What is left of a key's window, as asked for and counted down since."""

    limit: int
    remaining: int
    reset_at: int  # seconds since 1970
    asked_at: float


_windows: dict[int, _Window] = {}


def count() -> None:
    """Count one call of g.caller, whatever it calls, and set g.headers to what its answer says.

    Raises:
        flask_limiter.RateLimitExceeded: The key was used too often.
    """
    try:
        _hit()
    except RateLimitExceeded:
        g.headers = _headers(g.caller.id, is_used_up=True)
        raise
    g.headers = _headers(g.caller.id)


def _own_limit() -> str:
    return settings().api_rate_limit


def _own_key() -> str:
    return str(g.caller.id)


@limiter.shared_limit(_own_limit, scope="api", key_func=_own_key)
def _hit() -> None:
    """Let Flask-Limiter count."""


def _headers(caller: int, *, is_used_up: bool = False) -> dict[str, str]:
    window, now = _windows.get(caller), time.monotonic()
    if window and now - window.asked_at < ASKED_EVERY_SECONDS and time.time() < window.reset_at:
        # Other processes count too.
        window.remaining = 0 if is_used_up else max(0, window.remaining - 1)
    else:
        limit = limiter.current_limit
        if limit is None:  # its store is just going away
            return {}
        try:
            window = _Window(limit.limit.amount, limit.remaining, limit.reset_at, now)
        except RedisError:  # it went away just now
            return {}
        _windows[caller] = window
    return {
        "X-RateLimit-Limit": str(window.limit),
        "X-RateLimit-Remaining": str(window.remaining),
        "X-RateLimit-Reset": str(window.reset_at),
    }
