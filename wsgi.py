"""What gunicorn and the flask command run."""

from gevent import monkey

# First: a worker's senders are greenlets, as requests are, and so is all that they wait for.
monkey.patch_all()

# ruff: noqa: E402
import gc
import os

# Nothing of what is imported is garbage: looking for some took a quarter of every start.
gc.disable()

# Before a file is made: a database and what lies beside it are for nobody else on this machine.
os.umask(0o077)

import sys
from pathlib import Path

from dotenv import load_dotenv

from smsapp import config, logs, sqlite

ROOT = Path(__file__).resolve().parent
RUN = ROOT / "instance" / "run.env"

# Commands in a checkout that `make run` has set up speak of what runs there. Not gunicorn: its
# gunicorn.conf.py has refused to start by now.
if not load_dotenv() and "TWILIO_ACCOUNT_SID" not in os.environ and load_dotenv(RUN):
    print("There is no .env here, so this is about what `make run` runs.", file=sys.stderr)
logs.catch_crashes()
try:
    settings = config.load(os.environ)
except config.ConfigError as faults:
    sys.exit(str(faults))
sqlite.close_to_others(settings.database_url, ROOT / "instance")

# Not before: it imports libraries that read variables by themselves and stumble over wrong ones.
from smsapp.app import create_app

app = create_app(settings)

# What is loaded by now stays, and is set apart: to look through it for garbage a process stood
# still for 0.1 s now and then, with all whom it serves; without it 1 ms (measured with orders).
gc.freeze()
gc.enable()
