"""One call to Twilio for one leased delivery, and what follows from its outcome.

The same `send` serves the thread of a request and the worker's.
"""

import logging
import time
from datetime import timedelta
from functools import lru_cache

from smsapp import clock, metrics
from smsapp.delivery import group_commit, leases, sender, stopping, throttle
from smsapp.delivery.leases import Claim
from smsapp.delivery.settle import CallResult, Settlement, settle
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import OptOutSource
from smsapp.phone import mask
from smsapp.providers.twilio import SendResult, Twilio, Unwritten
from smsapp.providers.twilio_errors import ErrorClass, code_label
from smsapp.recipients import permission

log = logging.getLogger(__name__)

# One deadline over the whole call. The lease is longer, so that whoever holds one still has
# time to settle.
CALL_SECONDS = 10.0

# So often a call may come too late for its reservation of the throttle before it is left for later.
MAX_RESERVATIONS = 5
# Shortly before its reservation permission is asked again: in it, that would make the call late.
ASK_BEFORE_SECONDS = 0.03

# What Twilio takes, and keeps a text for when it is told nothing.
MAX_VALIDITY = 36_000

# Twilio repeats a receipt that we fail to take only when told to: 5 times, whatever the failure.
RECEIPT_RETRIES = "#rc=5&rp=all"


def send(claim: Claim) -> Settlement:
    """Call Twilio for a claimed delivery, record the outcome in one commit and return it.

    No transaction is open during the call: the claim holds all that it needs.
    """
    outcome = _call(claim)
    result = CallResult(claim, outcome)
    if result.meaning and result.meaning.error_class is ErrorClass.OPT_OUT:
        stopping.stop(claim.phone_key, OptOutSource.TWILIO)
    settlement = group_commit.write(db.engine, settle, result)
    if result.meaning and result.meaning.slows_sender:
        _slow_down(result)
    _report(result, settlement)
    return settlement


def client() -> Twilio:
    """Return the client of the running app's account."""
    config = settings()
    user, password = config.rest_credentials
    return _client(config.twilio_account_sid, user, password, config.twilio_base_url)


def _call(claim: Claim) -> SendResult:
    config = settings()
    twilio = client()  # the first one takes a while to make: before the reservation, not in it
    if claim.call_at and (trouble := _wait_for_reservation(claim)):
        return Unwritten(trouble)
    if time.monotonic() - claim.claimed_at > config.lease_seconds - CALL_SECONDS:
        return Unwritten("late")  # the lease might lapse during the call
    service = config.twilio_messaging_service_sid
    return twilio.send(
        to=claim.e164,
        body=claim.body,
        from_number=None if service else config.twilio_from_number,
        messaging_service_sid=service,
        validity_period=_validity(claim),
        status_callback=(
            f"{config.public_base_url}/twilio/status-callback"
            f"?attempt={claim.attempt_id}{RECEIPT_RETRIES}"
        ),
    )


def _wait_for_reservation(claim: Claim) -> str | None:
    """Wait for a reservation of the throttle; return why the call is not made after all.

    A STOP or a pause may have come while it waited, so both are asked again.
    """
    call_at: float | None = claim.call_at
    for _ in range(MAX_RESERVATIONS):
        if call_at is None:
            break
        _sleep_until(call_at - ASK_BEFORE_SECONDS)
        if trouble := _trouble_since(claim):
            return trouble
        _sleep_until(call_at)
        if throttle.is_in_time(call_at):
            return None
        call_at = throttle.reserve_again(claim.sender, settings().messages_per_second)
    return "late"


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


def _trouble_since(claim: Claim) -> str | None:
    """Return what has come between a claim and its call; None for nothing."""
    with reading() as conn:
        now = sender.read_state(conn, claim.sender)
        if now.is_paused or (now.is_held and not claim.is_half_open):
            return "paused"
        numbers = {claim.phone_key: claim.e164}
        known = permission.consent_states(conn, numbers, leases.rules().allowed)[claim.phone_key]
    return "stopped" if permission.may_text(known, claim.purpose).refusal else None


def _slow_down(result: CallResult) -> None:
    claim = result.claim
    with reading() as conn:
        now = database_now(conn)
    left_at = now - timedelta(seconds=time.monotonic() - claim.claimed_at)
    throttle.slow_down(claim.sender, left_at, result.code)


def _validity(claim: Claim) -> int:
    """Return for how many seconds the text still matters, as far as Twilio can be told."""
    left = (claim.expires_at - clock.now()).total_seconds()
    return max(1, min(MAX_VALIDITY, int(left)))


@lru_cache(maxsize=4)
def _client(account_sid: str, user: str, password: str, base_url: str | None) -> Twilio:
    """Return the one client of these credentials: it keeps connections open for all threads."""
    return Twilio(
        account_sid=account_sid,
        username=user,
        password=password,
        base_url=base_url,
        timeout_seconds=CALL_SECONDS,
    )


def _report(result: CallResult, settlement: Settlement) -> None:
    """Write the one log line of a call, and count it."""
    claim, meaning = result.claim, result.meaning
    metrics.count(metrics.SENT, meaning.error_class if meaning else "accepted")
    fields = {
        "delivery": str(claim.delivery_id),
        "event_id": claim.event_id,
        "kind": claim.kind,
        "to": mask(claim.e164),
        "country": claim.country,
        "attempt": claim.number,
        "message_sid": settlement.sid,
        "state": settlement.state,
    }
    if meaning is None:
        waited = metrics.seconds_since(claim.delivery_id)
        metrics.observe(metrics.TO_TWILIO, waited, claim.kind)
        log.info("sent", extra=fields)
        return
    code = code_label(result.code)
    metrics.count(metrics.FAILURES, "call", meaning.error_class, code)
    fields |= {"twilio_code": result.code, "trouble": result.trouble}
    fields["error_class"] = meaning.error_class
    log.warning("send failed", extra=fields)
    if settlement.tripped_now:
        log.error(
            "sender held: Twilio refuses our account or sender; texts wait until it works again",
            extra={"sender": mask(claim.sender), "twilio_code": result.code},
        )
    if settlement.closed_now:
        log.warning("sender works again", extra={"sender": mask(claim.sender)})
