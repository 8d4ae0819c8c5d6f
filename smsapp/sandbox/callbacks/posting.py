"""Posting callbacks to the app, signed as Twilio signs them, by many threads at once."""

import logging
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urldefrag, urlsplit

import urllib3
from sqlalchemy import bindparam, update
from sqlalchemy.exc import OperationalError
from twilio.request_validator import RequestValidator

from smsapp import clock
from smsapp.sandbox.callbacks import connection_overrides
from smsapp.sandbox.callbacks.connection_overrides import Result
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.inbound import customers
from smsapp.sandbox.message import Receipt

logger = logging.getLogger(__name__)

_SET = (
    update(Receipt)
    .where(Receipt.id == bindparam("of"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("tries", "first_try_at", "answer", "state", "due_at")
        }
    )
)

# Because a callback may wait 15 s for an app that hangs.
THREADS = 32
# Seconds before the first repeat; each later one waits twice as long.
BACKOFF = 0.2


class Poster:
    """Posts what it is given, and writes down what became of it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._signer = RequestValidator(desk.config.auth_token)
        self._threads = [ThreadPoolExecutor(1) for _ in range(THREADS)]

    def stop(self) -> None:
        """Let every thread end after the post that it is at."""
        for thread in self._threads:
            thread.shutdown(wait=False, cancel_futures=True)
        for thread in self._threads:
            thread.shutdown()

    def post(self, receipt: Receipt) -> None:
        """Have a thread post it, always the same for the same key: on a calm day in order.

        The key is the message, which has several statuses; of customers' texts, the customer.
        """
        inbound = receipt.status == "received"
        key = dict(parse_qsl(receipt.body))["From"] if inbound else receipt.sid
        self._threads[hash(key) % THREADS].submit(self._post, receipt)

    def _post(self, receipt: Receipt) -> None:
        first = receipt.first_try_at or clock.now().timestamp()
        result, answer = self._try(receipt)
        now, tries = clock.now().timestamp(), receipt.tries + 1
        state, due_at = "done", receipt.due_at
        if connection_overrides.of(receipt.url).again(result, tries, now - first):
            wait = BACKOFF * 2 ** (tries - 1) * self._desk.config.pace
            state, due_at = "due", now + wait
        found = {
            "of": receipt.id,
            "new_tries": tries,
            "new_first_try_at": first,
            "new_answer": answer,
            "new_state": state,
            "new_due_at": due_at,
        }
        try:
            with self._desk.database.write() as db:
                db.connection().execute(_SET, found)
        except OperationalError:
            # The disk is full: it is posted again after the next start.
            logger.exception("the sandbox cannot write its file")
        self._desk.changed()

    def _try(self, receipt: Receipt) -> tuple[Result, str]:
        # The fragment steers Twilio itself; it is neither sent nor signed.
        url = urldefrag(receipt.url).url
        if not self._desk.config.reaches(urlsplit(url).hostname):
            return "ok", "kept here: not an address on this machine"
        overrides = connection_overrides.of(receipt.url)
        timeout = urllib3.Timeout(connect=overrides.connect_timeout, read=overrides.read_timeout)
        headers = self._headers(url, receipt)
        try:
            # A connection for each: one that is kept may be hung up just as it is used again.
            with urllib3.PoolManager(retries=False) as pool:
                answer = pool.request(
                    "POST", url, body=receipt.body, headers=headers, timeout=timeout, redirect=False
                )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            return "ct", "no connection"
        except urllib3.exceptions.ReadTimeoutError:
            return "rt", "no answer in time"
        except urllib3.exceptions.ProtocolError:
            return "rt", "connection cut"
        except urllib3.exceptions.HTTPError:
            return "rt", "no readable answer"
        if answer.status >= 400:
            return ("5xx" if answer.status >= 500 else "4xx"), str(answer.status)
        if receipt.status != "received":
            return "ok", str(answer.status)
        kind, words = answer.headers.get("Content-Type", ""), answer.data.decode(errors="replace")
        return "ok", f"{answer.status}{customers.obey(self._desk, receipt, kind, words)}"

    def _headers(self, url: str, receipt: Receipt) -> dict[str, str]:
        fields = dict(parse_qsl(receipt.body, keep_blank_values=True))
        return {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": self._signer.compute_signature(url, fields),
            "I-Twilio-Idempotency-Token": receipt.token,
            "X-Home-Region": "us1",
        }
