"""How long 100,000 rows of a batch take: looked at, handed in, accepted, paused, read back.

PYTHONPATH=. .venv/bin/python benchmarks/batches.py [ROWS] [DATABASE_URL]; where no database, an
empty one, is named, it is a new SQLite file.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from flask_migrate import upgrade

from smsapp.batches import acts, expanding, judging, progress
from smsapp.batches.draft import Draft
from smsapp.batches.handing_in import By
from tests.conftest import make_app

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
ACCEPTED = 20_000


def timed(what: str, do: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = do()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:12} {seconds:8.2f} s, {peak:.0f} MB at most")
    return result, seconds


def accept(batch_id: Any) -> int:
    done = 0
    while done < ACCEPTED and (step := expanding.expand(batch_id)):
        done += step
    return done


def main() -> None:
    folder = tempfile.mkdtemp()
    url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/batches.sqlite3"
    app = make_app(
        DATABASE_URL=url, SHOP_NAME="Corner Books", BATCH_FOUR_EYES=str(ROWS), QUIET_HOURS="none"
    )
    # It is the accepting that is measured, and nobody sends.
    expanding._room = lambda *_: expanding.MOST  # type: ignore[assignment]
    with tempfile.TemporaryFile() as file, app.app_context():
        file.write(b"phone,orderId,place,consentAt\n")
        for n in range(ROWS):
            phone = 12_125_550_000 + n * 37
            file.write(f"+{phone},{n},Hill Street 1,2026-06-02T09:00:00Z\n".encode())
        upgrade()
        draft = Draft(name="benchmark", kind="order_ready")
        timed("looked at", lambda: judging.judge(draft, file))
        (batch_id, _), _ = timed("handed in", lambda: judging.hand_in(draft, file, By()))
        acts.start(batch_id, By(), skip_faulty=True)
        done, seconds = timed("accepted", lambda: accept(batch_id))
        print(f"{'':12} {done / seconds:8.0f} rows a second")
        timed("progress", lambda: progress.of(batch_id))
        timed("paused", lambda: acts.pause(batch_id, By()))
        timed("resumed", lambda: acts.resume(batch_id, By()))
        timed("results", lambda: sum(map(len, progress.results(batch_id))))


if __name__ == "__main__":
    main()
