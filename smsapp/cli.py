"""The commands: `flask …`."""

import json
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import IO

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from smsapp import api_keys, clock, garbage, metrics_server, worker
from smsapp.api_keys import Scope
from smsapp.cli_operators import operator
from smsapp.cli_sending import sending
from smsapp.delivery import stopping
from smsapp.doctor import examination
from smsapp.doctor.findings import Mark
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import ConsentSource, OptOutSource
from smsapp.phone import InvalidPhone, mask, parse_e164, phone_key
from smsapp.recipients import consent, known_data, phones
from smsapp.recipients.customers import Visitor
from smsapp.retention import erasure, rounds
from smsapp.sandbox import app as sandbox

# Twilio's own test sender, for a Messaging Service's texts on the sandbox.
SANDBOX_SENDER = "+15005550006"

LONGEST_KEY_NAME = 80

api_key = click.Group("api-key", help="API keys of internal services.")


def _key_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not (name.isprintable() and 1 <= len(name.strip()) <= LONGEST_KEY_NAME):
        raise click.BadParameter(f"must be 1 to {LONGEST_KEY_NAME} printable characters")
    return name.strip()


consent_ledger = click.Group("consent", help="The ledger of what people agreed to.")
retention = click.Group("retention", help="What is blanked and forgotten after its time.")


def register(app: Flask) -> None:
    """Add our commands to the app's."""
    groups = (api_key, operator, consent_ledger, retention, sending)
    for command in (*groups, erase, opt_out, run_doctor, run_worker, run_sandbox):
        app.cli.add_command(command)


@api_key.command("create")
@click.argument("name", callback=_key_name)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key may do; may be given more than once.",
)
@with_appcontext
def create_api_key(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key called NAME. It is shown once, alone on the last line."""
    try:
        key = api_keys.create(name, {Scope(scope) for scope in scopes})
    except api_keys.NameTaken:
        raise click.ClickException(
            f"There is or was a key called “{name}”; names are not used twice."
        ) from None
    click.echo(f"Key “{name}” may {', '.join(sorted(scopes))}. It will not be shown again:")
    click.echo(key)


@api_key.command("list")
@with_appcontext
def list_api_keys() -> None:
    """List the keys with what they may do and when they were last used."""
    for key in api_keys.everyone():
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        revoked = f"  revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        click.echo(f"{key.name:30}  {key.scopes:18}  last used {used}{revoked}")


@api_key.command("revoke")
@click.argument("name")
@with_appcontext
def revoke_api_key(name: str) -> None:
    """Revoke the key called NAME; within seconds it opens nothing."""
    if not api_keys.revoke(name):
        raise click.ClickException(f"There is no live key called “{name}”.")
    click.echo(f"Key “{name}” is revoked.")


@click.command("opt-out")
@click.argument("phone")
@with_appcontext
def opt_out(phone: str) -> None:
    """Stop all texts to PHONE (E.164), now and until its owner asks for them again."""
    try:
        e164 = parse_e164(phone)
    except InvalidPhone as error:
        raise click.ClickException(str(error)) from None
    key = phone_key(e164, settings().phone_key_bytes)
    with db.engine.begin() as conn:
        phones.remember(conn, {key: e164}, database_now(conn))
    stopping.stop(key, OptOutSource.OPERATOR)
    click.echo(f"{mask(e164)} gets no more texts.")


@click.command("erase")
@click.argument("phone")
@with_appcontext
def erase(phone: str) -> None:
    """Erase the person at PHONE (E.164): number, texts, evidence. Opt-out and ledger stay."""
    key = _key_of(phone)
    erasure.erase(Visitor(key, verify_sid=None), ConsentSource.OPERATOR)
    click.echo(f"{mask(phone)} is erased.")
    if settings().blank_bodies_at_twilio:
        click.echo(
            "Their texts are blanked at Twilio next, by the worker or `flask retention run`."
        )


@retention.command("run")
@with_appcontext
def run_retention() -> None:
    """Blank and forget all that is past its time, in small steps; it may be stopped anywhere."""
    for chore in rounds.chores(threading.Event()):
        done = 0
        with click.progressbar(
            length=chore.count(), label=chore.name, hidden=not sys.stderr.isatty(), file=sys.stderr
        ) as bar:
            while batch := chore.batch():
                done += batch
                bar.update(batch)
        click.echo(f"{chore.name}: {done:,} {chore.done}.")


@consent_ledger.command("verify")
@with_appcontext
def verify_consent() -> None:
    """Walk every chain of the ledger and name each row that was changed, lost or put in."""
    count = 0
    with reading(snapshot=True) as conn:
        for phone, seq, what in consent.faults(conn, settings().ledger_key):
            click.echo(f"{phone} row {seq}: {what}")
            count += 1
    if count:
        raise click.ClickException(f"{count} rows are not as they were written.")
    click.echo("The ledger is whole.")


@consent_ledger.command("export")
@click.argument("phone")
@click.option("--out", type=click.File("x"), default="-", help="A new file; standard output.")
@with_appcontext
def export_consent(phone: str, out: IO[str]) -> None:
    """Write the evidence for PHONE (E.164): what was agreed to when, in which words, and how."""
    key = _key_of(phone)
    with reading(snapshot=True) as conn:
        faults = [
            {"seq": seq, "fault": what}
            for found, seq, what in consent.faults(conn, settings().ledger_key)
            if found == key
        ]
    evidence = {
        "phone": phone,
        "phoneKey": key,
        "exportedAt": clock.now().isoformat(),
        "ledgerIsWhole": not faults,
        "faults": faults,
    } | {name: known_data.about(key)[name] for name in ("consents", "optOuts")}
    json.dump(evidence, out, indent=2, ensure_ascii=False)
    out.write("\n")


def _key_of(phone: str) -> str:
    """Return the key of a number that we know.

    Raises:
        click.ClickException: It is no number, or we never met it.
    """
    try:
        key = phone_key(parse_e164(phone), settings().phone_key_bytes)
    except InvalidPhone as error:
        raise click.ClickException(str(error)) from None
    with reading() as conn:
        if not phones.is_known(conn, key):
            raise click.ClickException("Nothing is known about this number.")
    return key


@click.command("worker")
@with_appcontext
def run_worker() -> None:
    """Send what is due, until SIGTERM or Ctrl-C; then finish what is held."""
    ending = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    config = settings()
    if config.worker_metrics_port and config.metrics_token:
        metrics_server.start(config.worker_metrics_port, config.metrics_token.get_secret_value())
    garbage.settle()
    worker.run(current_app._get_current_object().app_context, ending)  # type: ignore[attr-defined]


@click.command("doctor")
@with_appcontext
def run_doctor() -> None:
    """Check this installation and its account at Twilio; say what is wrong and what to do."""
    marks: Counter[Mark] = Counter()
    for finding in examination.examine():
        marks[finding.mark] += 1
        click.echo(f"{_coloured(finding.mark)} {finding.about:<15} {finding.words}")
        if finding.advice:
            click.echo(f"{'':8} {'':<15} → {finding.advice}")
    counts = (f"{marks[mark]} {word}" for mark, word in _MARKS)
    click.echo(f"\n{', '.join(counts)}")
    if marks[Mark.FAULT]:
        sys.exit(1)


_MARKS = ((Mark.OK, "in order"), (Mark.WARNING, "to look at"), (Mark.FAULT, "wrong"))


def _coloured(mark: Mark) -> str:
    colour = {Mark.OK: "green", Mark.WARNING: "yellow", Mark.FAULT: "red"}[mark]
    return click.style(f"{mark:<8}", fg=colour)


@click.command("sandbox")
@with_appcontext
def run_sandbox() -> None:
    """Serve Twilio on your desk, on this machine alone, at the port after PORT."""
    config = settings()
    sandbox.serve(
        sandbox.SandboxConfig(
            account_sid=config.twilio_account_sid,
            auth_token=config.twilio_auth_token.get_secret_value(),
            from_number=config.twilio_from_number or SANDBOX_SENDER,
            database=Path(current_app.instance_path) / "sandbox.sqlite3",
            api_key_sid=config.twilio_api_key_sid,
            api_key_secret=config.rest_credentials[1] if config.twilio_api_key_sid else None,
            public_base_url=config.public_base_url,
            verify_service_sid=config.twilio_verify_service_sid,
            verify_friendly_name=config.shop_name or "Shop",
        ),
        config.port + 1,
    )
