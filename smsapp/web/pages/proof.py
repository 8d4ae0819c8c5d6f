"""The sum that a browser does before a code where many are not entered (recipients/pumping.py).

A puzzle is a signed text, good for one number and ten minutes: nothing of it is kept here. Its
solution is a nonce whose PBKDF2 with it begins with so many zero bits; browsers have PBKDF2 built
in, so that a fraudster's own program is hardly faster. Who has no JavaScript waits instead, which
is limited because it costs nothing to wait for many numbers at once.
"""

import hashlib
import time

from flask import g, render_template, request
from itsdangerous import BadData, URLSafeTimedSerializer

from smsapp.errors import ProofRequired, RateLimited
from smsapp.extensions import RateLimitExceeded, limiter, seconds_until_let_in, settings
from smsapp.phone import phone_key
from smsapp.recipients import pumping
from smsapp.web import guards

ITERATIONS = 5_000  # some 3 ms here, and 256 times that in the browser with the least bits
GOOD_FOR = 600  # seconds
WAIT = 60  # seconds, in place of the sum
# Codes that were waited for.
WAITS_PER_NETWORK = "3/hour"
WAITS_PER_PREFIX = "30/hour"

FIELDS = ("csrf_token", "puzzle", "nonce")


def page(error: ProofRequired, e164: str) -> str:
    """Return the page on which the browser does the sum, and then sends the same form again."""
    puzzle, age = _shown(e164)
    if puzzle is None or puzzle["bits"] < error.bits or age >= GOOD_FOR - WAIT:
        text, age = _serializer(e164).dumps({"bits": error.bits}), 0.0
    else:
        text, error = request.form["puzzle"], ProofRequired(puzzle["bits"])
    return render_template(
        "verify/proof.html",
        puzzle=text,
        bits=error.bits,
        iterations=ITERATIONS,
        seconds=max(0, round(WAIT - age)),
        fields=[pair for pair in request.form.items(multi=True) if pair[0] not in FIELDS],
    )


def paid_bits(e164: str) -> int:
    """Return the size of the sum that comes with the form, done for this number; 0 for none.

    Raises:
        RateLimited: It was waited for instead, more often than that is taken.
    """
    puzzle, age = _shown(e164)
    if puzzle is None:
        return 0
    nonce = request.form.get("nonce", "")
    if nonce:
        return int(puzzle["bits"]) if solves(nonce, request.form["puzzle"], puzzle["bits"]) else 0
    if age < WAIT:
        return 0
    g.prefix = pumping.prefix_of(e164)
    try:
        _count_wait_here()  # first: what is refused here takes nothing from the others
        _count_wait()
    except RateLimitExceeded:
        raise RateLimited(retry_after=seconds_until_let_in()) from None
    return pumping.MOST_BITS


def solves(nonce: str, puzzle: str, bits: int) -> bool:
    """Whether PBKDF2-HMAC-SHA256 of the nonce, salted with the puzzle, begins with so many zeros.

    Source: RFC 8018, and WebCrypto's deriveBits, which does the same in static/proof.js.
    """
    made = hashlib.pbkdf2_hmac("sha256", nonce[:20].encode(), puzzle.encode(), ITERATIONS)
    return int.from_bytes(made) >> (len(made) * 8 - bits) == 0


def _shown(e164: str) -> tuple[dict[str, int] | None, float]:
    """Return the puzzle that comes with the form, if it is one of ours, and its age in seconds."""
    try:
        puzzle, made_at = _serializer(e164).loads(
            request.form.get("puzzle", ""), max_age=GOOD_FOR, return_timestamp=True
        )
    except BadData:
        return None, 0.0
    return puzzle, time.time() - made_at.timestamp()


def _serializer(e164: str) -> URLSafeTimedSerializer:
    """Return what signs puzzles for one number; a puzzle does not hold it."""
    config = settings()
    salt = f"proof of work for {phone_key(e164, config.phone_key_bytes)}"
    return URLSafeTimedSerializer(config.secret_key.get_secret_value(), salt=salt)


@limiter.shared_limit(lambda: WAITS_PER_NETWORK, scope="waits by network", key_func=guards.network)
def _count_wait_here() -> None:
    """Count one code that was waited for against the limit of the network."""


@limiter.shared_limit(lambda: WAITS_PER_PREFIX, scope="waits by prefix", key_func=lambda: g.prefix)
def _count_wait() -> None:
    """Count one code that was waited for against the limit of all."""
