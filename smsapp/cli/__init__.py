"""The commands: `flask …`, one file a noun."""

from flask import Flask

from smsapp.cli.api_keys import api_key
from smsapp.cli.consent import consent_ledger
from smsapp.cli.customers import erase, opt_out
from smsapp.cli.doctor import run_doctor
from smsapp.cli.operators import operator
from smsapp.cli.retention import retention
from smsapp.cli.sandbox import run_sandbox
from smsapp.cli.sending import sending
from smsapp.cli.worker import run_worker


def register(app: Flask) -> None:
    """Add our commands to the app's."""
    groups = (api_key, operator, consent_ledger, retention, sending)
    for command in (*groups, erase, opt_out, run_doctor, run_worker, run_sandbox):
        app.cli.add_command(command)
