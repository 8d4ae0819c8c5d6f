"""The commands: `flask …`, one file a noun."""

import functools
from collections.abc import Callable
from typing import Any

import click
from flask import Flask

from smsapp import database_faults
from smsapp.cli.api_keys import api_key
from smsapp.cli.batches import batch
from smsapp.cli.consent import consent_ledger
from smsapp.cli.customers import erase, opt_out
from smsapp.cli.demo import fill_demo
from smsapp.cli.doctor import run_doctor
from smsapp.cli.numbers import numbers
from smsapp.cli.oncall import oncall
from smsapp.cli.operators import operator
from smsapp.cli.retention import retention
from smsapp.cli.sandbox import run_sandbox
from smsapp.cli.sending import sending
from smsapp.cli.webhook_endpoints import webhook_endpoint
from smsapp.cli.worker import run_worker

COMMANDS: tuple[click.Command, ...] = (
    api_key,
    operator,
    consent_ledger,
    numbers,
    oncall,
    retention,
    sending,
    webhook_endpoint,
    batch,
    erase,
    opt_out,
    run_doctor,
    run_worker,
    run_sandbox,
    fill_demo,
)


def register(app: Flask) -> None:
    """Add our commands to the app's."""
    for command in COMMANDS:
        app.cli.add_command(command)


def _say_faults(command: click.Command) -> None:
    """Let a command say in a sentence what is wrong with the database."""
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        _say_faults(each)
    if command.callback:
        command.callback = _saying_faults(command.callback)


def _saying_faults(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def saying(*args: Any, **kwargs: Any) -> Any:
        try:
            return run(*args, **kwargs)
        except Exception as error:
            fault = database_faults.of(error)
            if fault is None:
                raise
            raise click.ClickException(f"{fault} `flask doctor` may know more.") from None

    return saying


for _command in COMMANDS:
    _say_faults(_command)
