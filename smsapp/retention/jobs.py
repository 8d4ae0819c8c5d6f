"""What is blanked or forgotten after its time.

Each worker does a batch now and then, so that nobody has to set up anything; `flask retention run`
does all of it at once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from smsapp import operators
from smsapp.jobs import Job
from smsapp.retention import at_twilio, batches, bodies, code_networks, numbers, webhooks

# With a batch of 500 texts that is some 700,000 a day for each worker, and hardly any load.
EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Task:
    """One kind of forgetting.

    Attributes:
        name: What it is about, as people read it.
        done: What is done with these, in a word.
        count: Returns how many there are to do now.
        run_batch: Does some of them; returns how many, 0 when there are no more.
    """

    name: str
    done: str
    count: Callable[[], int]
    run_batch: Callable[[], int]


def tasks(stopping: threading.Event) -> tuple[Task, ...]:
    """Return all there is to forget; once `stopping` is set, Twilio is asked nothing more."""
    return (
        _blanking("Texts to customers", bodies.TO_CUSTOMERS),
        _blanking("Texts from customers", bodies.FROM_CUSTOMERS),
        Task("Rows of batches", "blanked", batches.count, batches.blank),
        Task("Numbers", "looked at", numbers.count, numbers.forget_unused),
        Task("Networks of codes", "forgotten", code_networks.count, code_networks.forget),
        Task("Sessions of the console", "ended", operators.count_ended, operators.forget_ended),
        Task("Webhooks to callers", "forgotten", webhooks.count, webhooks.forget),
        Task("Texts at Twilio", "asked for", at_twilio.count, lambda: at_twilio.blank(stopping)),
    )


def _blanking(name: str, texts: bodies.Texts) -> Task:
    return Task(name, "blanked", lambda: bodies.count(texts), lambda: bodies.blank(texts))


def jobs(stopping: threading.Event) -> tuple[Job, ...]:
    """Return the same as jobs of a worker: a batch of each about once a minute."""
    return tuple(Job(task.name, EVERY, task.run_batch) for task in tasks(stopping))
