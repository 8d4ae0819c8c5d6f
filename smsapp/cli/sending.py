"""`flask sending …`: an operator pauses texts and lets them go on."""

from datetime import timedelta

import click
from flask.cli import with_appcontext

from smsapp.delivery import pausing, throttle
from smsapp.delivery.pausing import Status
from smsapp.phone import mask

sending = click.Group("sending", help="Pause texts, let them go on, see how they stand.")


@sending.command("pause")
@click.option("--reason", help="Why, for whoever looks next.")
@with_appcontext
def pause(reason: str | None) -> None:
    """Let no text leave, in any process, until `flask sending resume`."""
    pausing.pause(reason)
    click.echo("Sending is paused. Events are still accepted; their texts wait.")


@sending.command("resume")
@with_appcontext
def resume() -> None:
    """Let texts go again, no faster than MESSAGES_PER_SECOND."""
    if not pausing.resume():
        raise click.ClickException("Sending is not paused.")
    click.echo("Sending goes on.")


@sending.command("status")
@with_appcontext
def show_status() -> None:
    """Say whether texts leave, how fast, and how many wait."""
    for status in pausing.statuses():
        _show(status)


def _show(status: Status) -> None:
    sender_state = status.sender_state
    if sender_state.paused_at:
        why = f": {sender_state.pause_reason}" if sender_state.pause_reason else ""
        click.echo(f"paused since {sender_state.paused_at:%Y-%m-%d %H:%M} UTC{why}")
    if sender_state.held_at and sender_state.probe_at:
        click.echo(
            f"held since {sender_state.held_at:%Y-%m-%d %H:%M} UTC by Twilio's error"
            f" {sender_state.held_code}; tried again at {sender_state.probe_at:%H:%M} UTC"
        )
    for country, hold in sorted(sender_state.held_countries.items()):
        click.echo(
            f"texts to {country} held since {hold.since:%Y-%m-%d %H:%M} UTC by Twilio's error"
            f" {hold.code}; tried again at {hold.probe_at:%H:%M} UTC"
        )
    if not sender_state.paused_at and not sender_state.held_at:
        click.echo("sending")
    rate = "no limit" if status.per_second is None else throttle.in_words(status.per_second)
    click.echo(f"sender {mask(status.sender)}, {rate}, {status.waiting} due")


@sending.command("restored")
@click.option(
    "--look-first",
    "hours",
    type=click.IntRange(0, 24 * 30),
    default=24,
    show_default=True,
    help="For how many hours Twilio is asked before a new event's text is sent.",
)
@with_appcontext
def restored(hours: int) -> None:
    """Run this after a restore from a backup, before the app is started.

    Sending is paused, and what may have been sent since the backup is looked for at Twilio
    before it is sent.
    """
    count = pausing.restored(timedelta(hours=hours))
    click.echo(f"{count} texts may have been sent since the backup; Twilio will be asked.")
    click.echo("Sending is paused. Let services tell what was lost, then: flask sending resume")
