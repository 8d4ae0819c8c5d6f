"""The worker's share: a batch of each now and then, so that nobody has to set up anything."""

import logging
import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from smsapp import operators
from smsapp.retention import at_twilio, bodies, numbers

log = logging.getLogger(__name__)

# Some 700,000 texts a day for each worker, and hardly any load.
ROUND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Chore:
    """One kind of forgetting: how much there is to do, and doing a batch of it (0: no more)."""

    name: str
    done: str
    count: Callable[[], int]
    batch: Callable[[], int]


def chores(stopping: threading.Event) -> tuple[Chore, ...]:
    """Return all there is to do; once `stopping` is set, Twilio is asked no more."""
    return (
        Chore("Texts to customers", "blanked", bodies.count_deliveries, bodies.blank_deliveries),
        Chore("Texts from customers", "blanked", bodies.count_inbound, bodies.blank_inbound),
        Chore("Numbers", "looked at", numbers.count, numbers.forget_unused),
        Chore("Sessions of the console", "ended", operators.count_ended, operators.forget_ended),
        Chore("Texts at Twilio", "asked for", at_twilio.count, lambda: at_twilio.blank(stopping)),
    )


def run(
    app_context: Callable[[], AbstractContextManager[object]], stopping: threading.Event
) -> None:
    """Do a batch of each chore every ROUND_SECONDS or so until `stopping` is set."""
    with app_context():
        # Not all workers at the same moment.
        while not stopping.wait(ROUND_SECONDS * random.uniform(0.5, 1.5)):  # noqa: S311  dice
            once(stopping)


def once(stopping: threading.Event) -> None:
    """Do one batch of each chore; what goes wrong with one does not keep the others."""
    for chore in chores(stopping):
        if stopping.is_set():
            return
        try:
            chore.batch()
        except Exception:  # whatever it is, the next round may do better
            log.exception("could not forget", extra={"kind": chore.name})
