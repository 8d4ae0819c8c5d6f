"""What is blanked or forgotten after its time: a batch now and then by each worker, so that nobody
has to set up anything, or all at once by `flask retention run`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from smsapp import operators
from smsapp.jobs import Job
from smsapp.retention import at_twilio, bodies, numbers

# Some 700,000 texts a day for each worker, and hardly any load.
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
    """Return all that retention does; once `stopping` is set, Twilio is asked no more."""
    return (
        Task("Texts to customers", "blanked", bodies.count_deliveries, bodies.blank_deliveries),
        Task("Texts from customers", "blanked", bodies.count_inbound, bodies.blank_inbound),
        Task("Numbers", "looked at", numbers.count, numbers.forget_unused),
        Task("Sessions of the console", "ended", operators.count_ended, operators.forget_ended),
        Task("Texts at Twilio", "asked for", at_twilio.count, lambda: at_twilio.blank(stopping)),
    )


def jobs(stopping: threading.Event) -> tuple[Job, ...]:
    """Return the same for a worker: a batch of each about once a minute."""
    return tuple(Job(task.name, EVERY, task.run_batch) for task in tasks(stopping))
