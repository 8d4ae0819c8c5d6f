"""Run the app and the sandbox together, for a newcomer: `make run`, or `make demo`."""

import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from smsapp.launcher import checks, credentials
from smsapp.launcher.environment import environment, keep, made_once, write_private
from smsapp.launcher.processes import Children, Failed, Stopped

ROOT = Path(__file__).resolve().parents[2]
INSTANCE = ROOT / "instance"
DATABASE = INSTANCE / "smsapp.sqlite3"
APP_LOG, SANDBOX_LOG = INSTANCE / "app.log", INSTANCE / "sandbox.log"

READY = """
Ready. Nothing leaves this machine: the sandbox stands in for Twilio.

  The app      {app}
  The phone    {phone}/
  The mailbox  {phone}/mails
  The console  {app}/console
               sign in as {name} with {password}

To text a customer, paste this into another terminal and look at the phone and the console:

curl {app}/api/order-shipped-sms \\
  -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"eventId":"order-1001-shipped","phone":"+15558675310","orderId":"1001",
       "trackingUrl":"https://example.com/track/1001","consentAt":"2026-06-02T09:00:00Z"}}'

To try what a service hears when a text fails, use the test key, whose texts go nowhere and end as
the numbers say that {app}/docs lists:

  {test_key}

Logs are in instance/app.log and instance/sandbox.log. Ctrl-C stops both.
"""


def main(*, demo: bool = False) -> int:
    """Run until somebody asks for the end (0) or something fails (1).

    Args:
        demo: Whether a first start finds a month of a shop's life there.
    """
    os.umask(0o077)
    try:
        port = read_port(os.environ)
        with only_one():
            for wanted in (port, port + 1, port + 2):
                refuse_taken(wanted, port)
            run(port, demo=demo)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def run(port: int, *, demo: bool = False) -> None:
    """Start both, say where they are, and end them together."""
    made = made_once(INSTANCE)
    env = environment(os.environ, made, port)
    keep(INSTANCE, made, port)
    for log in (APP_LOG, SANDBOX_LOG):
        write_private(log, "")
    children = Children(ROOT, env)
    children.stop_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        print("Starting the app and the sandbox …", flush=True)
        start(children, port, demo=demo)
        let_in = credentials.working(INSTANCE, env, port)
        app, phone = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        print(READY.format(app=app, phone=phone, **let_in._asdict()), flush=True)
        children.watch()
    except Stopped:
        return
    except Failed:
        # Ctrl-C may also reach a program that is just being started, and end it.
        if not children.stop_asked:
            raise
    finally:
        children.stop()


def start(children: Children, port: int, *, demo: bool = False) -> None:
    """Start both, and wait until they answer and the database has the newest schema."""
    sandbox = children.start("The sandbox", ["flask", "sandbox"], SANDBOX_LOG)
    if not DATABASE.exists():
        migrate(children)
        if demo:
            print("Making up a month of a small shop's life …", flush=True)
            children.run("The demo", ["flask", "demo"], APP_LOG)
    elif demo:
        print("There is a database in instance/ already, so nothing is added to it.", flush=True)
    app = children.start("The app", ["gunicorn", "wsgi:app", "-b", f"127.0.0.1:{port}"], APP_LOG)
    children.wait(lambda: checks.is_up(port + 1), sandbox)
    children.wait(lambda: checks.is_up(port), app)
    # The app knows at once. Alembic, asked at each start, would double the time that it takes.
    if not checks.is_ready(port):
        migrate(children)


def migrate(children: Children) -> None:
    """Bring the database to the newest schema."""
    children.run("The database's migration", ["flask", "db", "upgrade"], APP_LOG)


def read_port(given: Mapping[str, str]) -> int:
    """Return the app's port; the sandbox has the next one, and its mail server that after it."""
    text = given.get("PORT") or "8000"
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) < 65534:
        raise Failed(f"PORT must be a number from 1 to 65533, not {text!r}.")
    return int(text)


@contextmanager
def only_one() -> Iterator[None]:
    """Hold this checkout's data for one run; two would write the same logs and post twice."""
    INSTANCE.mkdir(mode=0o700, exist_ok=True)
    INSTANCE.chmod(0o700)
    with (INSTANCE / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failed("`make run` is running already in this folder; stop it first.") from None
        yield


def refuse_taken(wanted: int, port: int) -> None:
    """Raise Failed if something listens on a port that we need."""
    with socket.socket() as probe:
        # As gunicorn does: connections of a run that has just ended are in nobody's way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            other = port + 100 if port < 65000 else 8000
            reason = error.strerror or "it cannot be used"
            raise Failed(f"Port {wanted}: {reason}. Try another: PORT={other} make run") from None


if __name__ == "__main__":
    sys.exit(main(demo="demo" in sys.argv[1:]))
