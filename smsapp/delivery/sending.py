"""One call to Twilio for one leased delivery, and what follows from its outcome.

The same `send` serves the thread of a request and the worker's.
"""

import logging
import re
import time
from datetime import timedelta

from smsapp import clock, languages, metrics
from smsapp.delivery import channels, group_commit, leases, routes, sender, stopping, throttle
from smsapp.delivery.call_results import CallResult
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.holding import Held
from smsapp.delivery.leases import Claim
from smsapp.delivery.settle import Settlement, settle
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import Channel, OptOutSource
from smsapp.phone import mask
from smsapp.providers.channel import Outgoing
from smsapp.providers.messages import SendResult
from smsapp.providers.outcomes import Unwritten
from smsapp.providers.sms import CALL_SECONDS
from smsapp.providers.twilio_errors import ErrorClass, code_label
from smsapp.recipients import mail_links, permission

log = logging.getLogger(__name__)

# By whether it is about a country, and whether that works again.
_HELD = {
    (False, False): (
        logging.ERROR,
        "sender held: Twilio refuses our account or sender; texts wait until it works again",
    ),
    (False, True): (logging.WARNING, "sender works again"),
    (True, False): (
        logging.ERROR,
        "country held: Twilio takes none of our texts to it; they wait until it works again",
    ),
    (True, True): (logging.WARNING, "country works again"),
}
# So often a call may come too late for its reservation of the throttle before it is left for later.
MAX_RESERVATIONS = 5
# Shortly before its reservation permission is asked again: in it, that would make the call late.
ASK_BEFORE_SECONDS = 0.03


def send(claim: Claim) -> Settlement:
    """Call Twilio for a claimed delivery, record the outcome in one commit and return it.

    No transaction is open during the call: the claim holds all that it needs.
    """
    outcome = _call(claim)
    result = CallResult(claim, outcome)
    is_opt_out = result.meaning and result.meaning.error_class is ErrorClass.OPT_OUT
    # A test is told so each time; nobody would ever lift it.
    if is_opt_out and claim.channel is not Channel.TEST:
        stopping.stop(claim.phone_key, OptOutSource.TWILIO)
    settlement = group_commit.write(db.engine, settle, result)
    if result.meaning and result.meaning.slows_sender:
        _slow_down(result)
    _report(result, settlement)
    _report_held(result, settlement.held)
    return settlement


def _call(claim: Claim) -> SendResult:
    provider = CHANNELS[claim.channel]
    provider.prepare()  # before the reservation, not in it
    if claim.call_at and (trouble := _wait_for_reservation(claim)):
        return Unwritten(trouble)
    config = settings()
    # The lease is longer than a call, so that whoever holds one still has time to settle.
    if time.monotonic() - claim.claimed_at > config.lease_seconds - CALL_SECONDS:
        return Unwritten("late")  # the lease might lapse during the call
    return provider.send(
        Outgoing(
            id=claim.attempt_id.hex,
            delivery=claim.delivery_id.hex,
            to=claim.address,
            title=_first_sentence(claim.body),
            body=claim.body,
            attempt=claim.number,
            language=languages.of(claim.locale),
            template=claim.template,
            callback=f"{config.public_base_url}/twilio/status-callback?attempt={claim.attempt_id}",
            asks_for_key=claim.kind in channels.ASK_FOR_KEY,
            valid_seconds=int((claim.expires_at - clock.now()).total_seconds()),
            **(_of_mail(claim) if claim.channel is Channel.EMAIL else {}),
        )
    )


def _of_mail(claim: Claim) -> dict[str, str]:
    """Return what a mail says beside its words: why it comes, and how to get no more."""
    with reading() as conn:
        instead = routes.has_tried_another(conn, claim.delivery_id, claim.channel)
    return {
        "instead_of": claim.e164[-2:] if instead else "",
        "unsubscribe": mail_links.unsubscribe_url(claim.phone_key),
    }


def _first_sentence(words: str) -> str:
    return re.split(r"(?<=[.!?।])\s", words, maxsplit=1)[0]


def _wait_for_reservation(claim: Claim) -> str | None:
    """Wait for a reservation of the throttle; return why the call is not made after all.

    A STOP or a pause may have come while it waited, so both are asked again.
    """
    call_at: float | None = claim.call_at
    for reservations in range(1, MAX_RESERVATIONS + 1):
        if call_at is None:
            break
        _sleep_until(call_at - ASK_BEFORE_SECONDS)
        if trouble := _trouble_since(claim):
            return trouble
        _sleep_until(call_at)
        if throttle.is_in_time(call_at, reservations):
            return None
        of = channels.sender_of(claim.channel)
        call_at = group_commit.write(db.engine, throttle.reserve_again, of)
    return "late"


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


def _trouble_since(claim: Claim) -> str | None:
    """Return what has come between a claim and its call; None for nothing."""
    with reading() as conn:
        now = sender.read_state(conn, claim.sender)
        is_held = now.is_held and not claim.is_half_open
        waits = claim.country in now.held_countries and not claim.tries_country
        if now.is_paused or is_held or waits:
            return "paused"
        numbers = {claim.phone_key: claim.e164}
        known = permission.consent_states(conn, numbers, leases.rules().allowed)[claim.phone_key]
    return "stopped" if permission.may_text(known, claim.purpose).refusal else None


def _slow_down(result: CallResult) -> None:
    claim = result.claim
    with reading() as conn:
        now = database_now(conn)
    left_at = now - timedelta(seconds=time.monotonic() - claim.claimed_at)
    throttle.slow_down(channels.sender_of(claim.channel), left_at, result.code)


def _report(result: CallResult, settlement: Settlement) -> None:
    """Write the one log line of a call, and count it."""
    claim, meaning = result.claim, result.meaning
    is_counted = claim.channel is not Channel.TEST
    if is_counted:
        metrics.count(metrics.SENT, meaning.error_class if meaning else "accepted")
    fields = {
        "delivery": str(claim.delivery_id),
        "event_id": claim.event_id,
        "kind": claim.kind,
        "channel": claim.channel,
        "to": mask(claim.e164),
        "country": claim.country,
        "attempt": claim.number,
        "message_sid": settlement.sid,
        "state": settlement.state,
    }
    if meaning is None:
        if is_counted:
            waited = metrics.seconds_since(claim.delivery_id)
            metrics.observe(metrics.TO_TWILIO, waited, claim.kind)
        log.info("sent", extra=fields)
        return
    code = code_label(result.code)
    if is_counted:
        metrics.count(metrics.FAILURES, "call", meaning.error_class, code)
    fields |= {"twilio_code": result.code, "trouble": result.trouble}
    fields["error_class"] = meaning.error_class
    log.log(logging.WARNING if is_counted else logging.INFO, "send failed", extra=fields)


def _report_held(result: CallResult, held: Held) -> None:
    """Write a line where something is held by now, or no longer."""
    if not (held.news or held.closed):
        return
    fields = {"sender": mask(result.claim.sender), "twilio_code": result.code}
    if held.country:
        fields["country"] = held.country
    log.log(*_HELD[bool(held.country), held.closed], extra=fields)
