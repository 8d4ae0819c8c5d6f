"""Posting callbacks to the app, signed as Twilio signs them, by many threads at once."""

import http.client
import queue
import threading
from collections import deque
from collections.abc import Callable
from urllib.parse import parse_qsl, urldefrag, urlsplit

from twilio.request_validator import RequestValidator

from smsapp import clock
from smsapp.sandbox.callbacks import connection_overrides
from smsapp.sandbox.callbacks.callback import Callback, Outcome
from smsapp.sandbox.callbacks.connection import Answer, Connection
from smsapp.sandbox.callbacks.connection_overrides import Result
from smsapp.sandbox.config import SandboxConfig

# Because a callback may wait 15 s for an app that hangs.
THREADS = 32
# Seconds before the first repeat; each later one waits twice as long.
BACKOFF = 0.2


class Poster:
    """Posts what it is given; what became of it is found in `outcomes`, oldest first.

    Attributes:
        on_outcome: Is told that there is a new one.
        on_text_answered: Obeys what the app answers to a customer's text; returns a remark.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self._config = config
        self._signer = RequestValidator(config.auth_token)
        self._queues: list[queue.SimpleQueue[Callback | None]] = [
            queue.SimpleQueue() for _ in range(THREADS)
        ]
        self._threads: list[threading.Thread] = []
        self._stopping = False
        self.outcomes: deque[Outcome] = deque()
        self.on_outcome: Callable[[], None] = lambda: None
        self.on_text_answered: Callable[[Callback, Answer], str] = lambda callback, answer: ""

    def start(self) -> None:
        """Start the threads."""
        for work in self._queues:
            thread = threading.Thread(target=self._post_all, args=(work,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Let every thread end after the post that it is at."""
        self._stopping = True
        for work in self._queues:
            work.put(None)
        for thread in self._threads:
            thread.join(timeout=2)

    def post(self, callback: Callback) -> None:
        """Have a thread post it, always the same for the same key: on a calm day in order."""
        self._queues[hash(callback.order_key()) % THREADS].put(callback)

    def _post_all(self, work: "queue.SimpleQueue[Callback | None]") -> None:
        connection = Connection()
        while (callback := work.get()) and not self._stopping:
            began = clock.now().timestamp()
            result, answer = self._try(connection, callback)
            self.outcomes.append(self._outcome(callback, began, result, answer))
            self.on_outcome()
        connection.close()

    def _outcome(self, callback: Callback, began: float, result: Result, answer: str) -> Outcome:
        first, now = callback.first_try_at or began, clock.now().timestamp()
        tries = callback.tries + 1
        again = connection_overrides.of(callback.url).again(result, tries, now - first)
        wait = BACKOFF * 2 ** (tries - 1) * self._config.pace
        return Outcome(callback, first, answer, now + wait if again else None)

    def _try(
        self, connection: Connection, callback: Callback, fresh: bool = False
    ) -> tuple[Result, str]:
        # The fragment steers Twilio itself; it is neither sent nor signed.
        url = urldefrag(callback.url).url
        if not self._config.reaches(urlsplit(url).hostname):
            return "ok", "kept here: not an address on this machine"
        overrides = connection_overrides.of(callback.url)
        try:
            kept = connection.open(url, overrides.connect_timeout, fresh)
        except (OSError, http.client.HTTPException, ValueError):
            return "ct", "no connection"
        headers = self._headers(url, callback)
        try:
            answer = connection.post(url, callback.body, headers, overrides.read_timeout)
        except TimeoutError:
            return "rt", "no answer in time"
        except ConnectionError:
            # The app may hang up on an idle connection just as it is used again.
            return self._try(connection, callback, True) if kept else ("rt", "connection cut")
        except (OSError, http.client.HTTPException, ValueError):
            return "rt", "no readable answer"
        if answer.status >= 400:
            return ("5xx" if answer.status >= 500 else "4xx"), str(answer.status)
        remark = self.on_text_answered(callback, answer) if callback.inbound else ""
        return "ok", f"{answer.status}{remark}"

    def _headers(self, url: str, callback: Callback) -> dict[str, str]:
        fields = dict(parse_qsl(callback.body, keep_blank_values=True))
        return {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": self._signer.compute_signature(url, fields),
            "I-Twilio-Idempotency-Token": callback.token,
            "X-Home-Region": "us1",
        }
