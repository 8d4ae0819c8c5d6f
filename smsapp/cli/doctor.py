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
        mark = click.style(f"{finding.mark:<8}", fg=_MARKS[finding.mark][0])
        click.echo(f"{mark} {finding.about:<15} {finding.words}")
        if finding.advice:
            click.echo(f"{'':8} {'':<15} → {finding.advice}")
    counts = (f"{marks[mark]} {word}" for mark, (_, word) in _MARKS.items())
    click.echo(f"\n{', '.join(counts)}")
    if marks[Mark.FAULT]:
        sys.exit(1)


_MARKS = {
    Mark.OK: ("green", "in order"),
    Mark.WARNING: ("yellow", "to look at"),
    Mark.FAULT: ("red", "wrong"),
}
