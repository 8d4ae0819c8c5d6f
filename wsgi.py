"""What gunicorn and the flask command run."""

import os
import sys

from dotenv import load_dotenv

from smsapp import config
from smsapp.app import create_app

load_dotenv()
try:
    app = create_app(config.load(os.environ))
except config.ConfigError as faults:
    sys.exit(str(faults))
