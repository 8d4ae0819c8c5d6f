"""What gunicorn and the flask command run."""

from gevent import monkey

# First: a worker's senders are greenlets, as requests are, and so is all that they wait for.
monkey.patch_all()

# ruff: noqa: E402
import os
import sys

from dotenv import load_dotenv

from smsapp import config, logs

load_dotenv()
logs.catch_crashes()
try:
    settings = config.load(os.environ)
except config.ConfigError as faults:
    sys.exit(str(faults))

# Not before: it imports libraries that read variables by themselves and stumble over wrong ones.
from smsapp.app import create_app

app = create_app(settings)
