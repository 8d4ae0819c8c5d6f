"""`flask batch …`: many events at once, from a file."""

import shutil
from pathlib import Path
from typing import IO, Any, BinaryIO

import click
from flask.cli import with_appcontext
from pydantic import ValidationError

from smsapp import field_words
from smsapp.batches import acts, judging, progress
from smsapp.batches.draft import Draft, kinds_of_batches
from smsapp.batches.handing_in import By
from smsapp.batches.progress import Progress
from smsapp.errors import InvalidRequest, SmsappError
from smsapp.models import BatchState

batch = click.Group("batch", help="Many events at once, from a file.")

BY = By()
_name = click.argument("name")


def _refused(error: SmsappError) -> click.ClickException:
    """Return an error with all faults that it names."""
    faults = error.extra.get("details", {}).get("fieldErrors", {})
    lines = [f"{field} {one}" for field, said in faults.items() for one in said]
    return click.ClickException("\n".join(lines or [error.text]))


@batch.command("send")
@click.argument("file", type=click.File("rb"))
@click.option("--kind", required=True, type=click.Choice(kinds_of_batches()), help="What rows are.")
@click.option("--name", help="What the batch is called; the file's name where left out.")
@click.option("--purpose", help="Of an announcement: what people agreed to be told about.")
@click.option("--text", help="Of an announcement: its words, with ((columns)) as gaps.")
@click.option("--dry-run", is_flag=True, help="Only look: nothing is kept or sent.")
@click.option("--skip-faulty", is_flag=True, help="Leave rows with faults out.")
@click.option("--yes", is_flag=True, help="Start it without a question.")
@with_appcontext
def send_batch(
    file: BinaryIO,
    kind: str,
    name: str | None,
    purpose: str | None,
    text: str | None,
    dry_run: bool,
    skip_faulty: bool,
    yes: bool,
) -> None:
    """Look through FILE, CSV or JSON lines, say what would be sent, and start it.

    The same file again under the same name texts nobody twice.
    """
    given = {"name": name or Path(file.name).stem, "kind": kind, "purpose": purpose, "text": text}
    try:
        draft = Draft.model_validate(given)
    except ValidationError as error:
        fields, _ = field_words.faults(Draft, error, given)
        raise _refused(InvalidRequest(extra={"details": {"fieldErrors": fields}})) from None
    try:
        rows = draft.table(file).rows
        with click.progressbar(length=rows, label="Looking", width=_width()) as bar:
            if dry_run:
                _show_report(vars(judging.judge(draft, file, bar.update)))
                return
            batch_id, came_before = judging.hand_in(draft, file, BY, bar.update)
    except SmsappError as error:
        raise _refused(error) from None
    stands = progress.of(batch_id)
    if came_before:
        click.echo("It was handed in before.")
    _show_report(stands.batch.report)
    if stands.batch.state is not BatchState.READY:
        _show(stands)
        return
    if acts.needs_another(stands.batch, BY):
        click.echo("It is so large that an operator has to start it, in the console:")
        click.echo(f"/console/batches/{batch_id}")
        return
    if yes or click.confirm(f"Start it: {stands.batch.report['would_send']} texts?"):
        _do(acts.start, batch_id, BY, skip_faulty=skip_faulty)
        click.echo(f"It is started. See how it does: flask batch status {stands.batch.name!r}")


@batch.command("list")
@with_appcontext
def list_batches() -> None:
    """List the newest batches."""
    for row in progress.recent():
        click.echo(f"{row.created_at:%Y-%m-%d %H:%M}  {row.state:9}  {row.rows:7,}  {row.name}")


@batch.command("status")
@_name
@with_appcontext
def show_batch(name: str) -> None:
    """Say how the batch called NAME stands."""
    _show(progress.of(_id_of(name)))


@batch.command("start")
@_name
@click.option("--skip-faulty", is_flag=True, help="Leave rows with faults out.")
@with_appcontext
def start_batch(name: str, skip_faulty: bool) -> None:
    """Let the batch called NAME be sent."""
    _do(acts.start, _id_of(name), BY, skip_faulty=skip_faulty)


@batch.command("pause")
@_name
@with_appcontext
def pause_batch(name: str) -> None:
    """Let nothing more of the batch called NAME leave until it is resumed."""
    _do(acts.pause, _id_of(name), BY)


@batch.command("resume")
@_name
@with_appcontext
def resume_batch(name: str) -> None:
    """Let the batch called NAME go on."""
    _do(acts.resume, _id_of(name), BY)


@batch.command("cancel")
@_name
@with_appcontext
def cancel_batch(name: str) -> None:
    """Let nothing more of the batch called NAME leave, for good."""
    _do(acts.cancel, _id_of(name), BY)


@batch.command("results")
@_name
@click.option("--out", type=click.File("x"), default="-", help="A new file; standard output.")
@with_appcontext
def write_results(name: str, out: IO[str]) -> None:
    """Write what became of each row of the batch called NAME, as CSV."""
    for lines in progress.results(_id_of(name)):
        out.write(lines)


def _id_of(name: str) -> Any:
    try:
        return progress.id_of(name)
    except SmsappError as error:
        raise _refused(error) from None


def _do(act: Any, *given: Any, **more: Any) -> None:
    try:
        act(*given, **more)
    except SmsappError as error:
        raise _refused(error) from None


def _width() -> int:
    return min(36, shutil.get_terminal_size().columns // 2)


def _show(stands: Progress) -> None:
    click.echo(f"{stands.batch.name}: {stands.batch.state}, {stands.batch.rows:,} rows")
    for state, count in (*stands.rows.items(), *stands.deliveries.items()):
        click.echo(f"{count:8,}  {state}")
    if stands.batch.state is BatchState.RUNNING and stands.seconds_left:
        click.echo(f"about {stands.seconds_left // 60 + 1} minutes left at the present rate")


def _show_report(report: Any) -> None:
    click.echo(f"{report['rows']:,} rows, {report['would_send']:,} would be sent, ", nl=False)
    click.echo(f"{report['segments']:,} segments")
    for name, words in _COUNTED.items():
        if report[name]:
            click.echo(f"{report[name]:8,}  {words}")
    for name in ("refused", "warnings"):
        for said, count in report[name].items():
            click.echo(f"{count:8,}  {said}")
    for fault in report["faults"]:
        click.echo(f"  row {fault['row']}: {fault['column']} {fault['message']}")
    if report["ignored"]:
        click.echo(f"Nothing is made of these columns: {', '.join(report['ignored'])}")


_COUNTED = {
    "faulty": "have faults",
    "repeated": "say the same to the same number as a row before them",
    "duplicates": "came before",
    "again": "are another text to a number before them",
}
