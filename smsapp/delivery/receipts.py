"""Receipts: Twilio's status callbacks, late, twice and out of order, and what follows from one."""

import logging
from typing import Any

from smsapp import metrics
from smsapp.delivery import (
    channels,
    circuit_breaker,
    group_commit,
    receipt_rows,
    rejected_receipts,
    stopping,
    throttle,
    windows,
)
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.receipt_rows import Effect, HandledReceipt, IncomingReceipt
from smsapp.extensions import database_now, db, settings
from smsapp.models import (
    AttemptState,
    Channel,
    OptOutSource,
    ReceiptSource,
)
from smsapp.phone import mask
from smsapp.providers.twilio_errors import ErrorClass, code_label, meaning

log = logging.getLogger(__name__)


def handle(reported: IncomingReceipt) -> HandledReceipt:
    """Record one receipt in a shared commit, and stop texts to the number where it says so.

    What follows from a receipt is done before Twilio is answered: if we die in between, the
    receipt comes again, and all of it is done again without harm.
    """
    if reported.account_sid not in {None, settings().twilio_account_sid}:
        rejected_receipts.write_other_account(reported)
        return HandledReceipt(Effect.STRAY)
    recorded = group_commit.write(db.engine, receipt_rows.record, reported)
    _report(reported, recorded)
    if recorded.phone_key is None or recorded.channel is None or not reported.error_code:
        return recorded
    verdict = CHANNELS[recorded.channel].meaning(reported.error_code)
    if verdict.error_class is ErrorClass.OPT_OUT:
        stopping.stop(recorded.phone_key, OptOutSource.TWILIO, left_at=recorded.started_at)
    if verdict.by_template and recorded.effect is Effect.MOVED and recorded.started_at:
        windows.close(recorded.phone_key, recorded.started_at)
    if verdict.holds_sender and recorded.effect is Effect.MOVED:
        of = channels.sender_of(recorded.channel)
        with db.engine.begin() as conn:
            held = circuit_breaker.trip(conn, of.name, reported.error_code, database_now(conn))
        if held:
            log.error("sender held", extra={"twilio_code": reported.error_code})
    if verdict.slows_sender and recorded.effect is Effect.MOVED and recorded.started_at:
        of = channels.sender_of(recorded.channel)
        throttle.slow_down(of, recorded.started_at, reported.error_code)
    return recorded


def _count_end(reported: IncomingReceipt, recorded: HandledReceipt) -> None:
    """Count a text that has arrived, or has not."""
    if recorded.channel is None:
        return
    got = CHANNELS[recorded.channel].state_of(reported.status)
    if got is AttemptState.DELIVERED and recorded.delivery_id and recorded.kind:
        waited = metrics.seconds_since(recorded.delivery_id)
        metrics.observe(metrics.TO_DELIVERED, waited, recorded.kind)
    elif got in {AttemptState.FAILED, AttemptState.UNDELIVERED}:
        code, error_class = reported.error_code, meaning(reported.error_code).error_class
        metrics.count(metrics.FAILURES, "receipt", error_class, code_label(code))


def log_fields(reported: IncomingReceipt, recorded: HandledReceipt) -> dict[str, Any]:
    """Return what a log line says of a receipt."""
    return {
        "message_sid": reported.sid,
        "status": reported.status,
        "twilio_code": reported.error_code or None,
        "effect": recorded.effect,
        "delivery": recorded.delivery_id and str(recorded.delivery_id),
        "event_id": recorded.event_id,
        "kind": recorded.kind,
        "channel": recorded.channel,
        "to": recorded.e164 and mask(recorded.e164),
        "country": recorded.country,
        "attempt": recorded.number,
        "state": recorded.state,
    }


def _report(reported: IncomingReceipt, recorded: HandledReceipt) -> None:
    """Count a receipt, and write a line where its request's own is none or not enough."""
    if recorded.channel is not Channel.TEST:
        metrics.count(metrics.RECEIPTS, channels.status_label(reported.status), recorded.effect)
        if recorded.effect is Effect.MOVED:
            _count_end(reported, recorded)
    if recorded.effect is Effect.STRAY:
        log.warning("stray receipt", extra=log_fields(reported, recorded))
    elif reported.source is ReceiptSource.LOOK_UP:
        log.info("look-up", extra=log_fields(reported, recorded))
