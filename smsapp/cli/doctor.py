"""`flask doctor`: what is wrong with this installation, and what to do."""

import sys
from collections import Counter

import click
from flask.cli import with_appcontext

from smsapp.doctor import examination
from smsapp.doctor.findings import Mark


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
