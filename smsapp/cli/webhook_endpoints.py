"""`flask webhook-endpoint`: callers' addresses that hear what became of their events."""

from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from smsapp.errors import TooManyEndpoints
from smsapp.extensions import settings
from smsapp.webhooks import endpoints, urls
from smsapp.webhooks.endpoints import Endpoint
from smsapp.webhooks.ids import read_message_id
from smsapp.webhooks.types import TYPES

MAX_NAME = 40

webhook_endpoint = click.Group("webhook-endpoint", help="Addresses that callers are told at.")


def _name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not (name.isprintable() and 1 <= len(name.strip()) <= MAX_NAME):
        raise click.BadParameter(f"must be 1 to {MAX_NAME} printable characters")
    return name.strip()


def _time(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        raise click.BadParameter("must be a time such as 2026-06-02T09:00:00Z") from None


def _found(name: str) -> Endpoint:
    found = endpoints.named(name)
    if found is None:
        raise click.ClickException(f"There is no webhook endpoint called “{name}”.")
    return found


@webhook_endpoint.command("create")
@click.argument("name", callback=_name)
@click.argument("url")
@click.option(
    "--event",
    "types",
    multiple=True,
    type=click.Choice(list(TYPES)),
    help="What it is told of; may be given more than once. Else of everything.",
)
@click.option("--with-bodies", is_flag=True, help="Tell it the words of message.received too.")
@with_appcontext
def create(name: str, url: str, types: tuple[str, ...], *, with_bodies: bool) -> None:
    """Tell URL what happens, under the NAME it has here. Its secret is on the last line."""
    if fault := urls.fault(url, allow_private=settings().webhook_allow_private):
        raise click.ClickException(f"The URL {fault}.")
    try:
        _, secret = endpoints.create(name, url, types, wants_bodies=with_bodies)
    except endpoints.NameTaken:
        raise click.ClickException(f"There is a webhook endpoint called “{name}”.") from None
    except TooManyEndpoints as error:
        raise click.ClickException(error.message) from None
    click.echo(f"“{name}” is told of {', '.join(sorted(types)) or 'everything'}.")
    _show_once(secret)


@webhook_endpoint.command("list")
@with_appcontext
def list_all() -> None:
    """List the endpoints with what waits for each and what it did not take."""
    for each in endpoints.list_all():
        row = each.row
        state = f"disabled ({row.disabled_because})" if row.disabled_at else "enabled"
        if row.failing_since and not row.disabled_at:
            state = f"failing since {row.failing_since:%Y-%m-%d %H:%M}"
        click.echo(
            f"{row.name:30}  {state:30}  {each.waiting} waiting, {each.dead} dead  {row.url}"
        )


@webhook_endpoint.command("disable")
@click.argument("name")
@with_appcontext
def disable(name: str) -> None:
    """Tell NAME nothing more; what waits for it is kept for a while."""
    endpoints.disable(_found(name).row.id)
    click.echo(f"“{name}” is disabled: it is told nothing, and what happens meanwhile is not kept.")


@webhook_endpoint.command("enable")
@click.argument("name")
@with_appcontext
def enable(name: str) -> None:
    """Tell NAME what waits for it and what happens from now on."""
    try:
        endpoints.enable(_found(name).row.id)
    except TooManyEndpoints as error:
        raise click.ClickException(error.message) from None
    click.echo(f"“{name}” is enabled.")


@webhook_endpoint.command("rotate")
@click.argument("name")
@with_appcontext
def rotate(name: str) -> None:
    """Give NAME another secret. For a day webhooks are signed with both."""
    secret = endpoints.rotate(_found(name).row.id)
    click.echo("The old secret is good for a day, and both are signed with until then.")
    _show_once(secret)


@webhook_endpoint.command("replay")
@click.argument("name")
@click.option("--id", "message_id", help="Of one webhook, msg_…, taken or not.")
@click.option("--since", callback=_time, help="Those it did not take, of what happened from then.")
@click.option("--until", callback=_time, help="Those of what happened before then.")
@with_appcontext
def replay(
    name: str, message_id: str | None, since: datetime | None, until: datetime | None
) -> None:
    """Send NAME once more what it did not take: up to 100,000, one by its id, or by time."""
    found = _found(name)
    if message_id and (since or until):
        raise click.ClickException("Say either --id or a time.")
    wanted = read_message_id(message_id) if message_id else None
    if message_id and wanted is None:
        raise click.ClickException("A webhook's id is msg_ and 32 hex digits.")
    count = endpoints.replay(found.row.id, message_id=wanted, since=since, until=until)
    click.echo(
        "1 webhook is sent once more." if count == 1 else f"{count} webhooks are sent once more."
    )


def _show_once(secret: str) -> None:
    click.echo("The secret will not be shown again:")
    click.echo(secret)
