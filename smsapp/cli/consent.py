"""`flask consent`: the ledger of what people agreed to."""

import json
from typing import IO

import click
from flask.cli import with_appcontext

from smsapp import clock
from smsapp.cli.customers import known_key, phone_argument
from smsapp.extensions import reading, settings
from smsapp.recipients import consent, known_data

consent_ledger = click.Group("consent", help="The ledger of what people agreed to.")


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
@phone_argument
@click.option("--out", type=click.File("x"), default="-", help="A new file; standard output.")
@with_appcontext
def export_consent(phone: str, out: IO[str]) -> None:
    """Write the evidence for PHONE (E.164): what was agreed to when, in which words, and how."""
    key = known_key(phone)
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
