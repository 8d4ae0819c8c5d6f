"""The commands for people who work in the console: `flask operator …`."""

import click
from flask.cli import with_appcontext

from smsapp import api_keys, operators
from smsapp.extensions import settings
from smsapp.models import Role

MAX_NAME = 40

operator = click.Group("operator", help="People who work in the console.")


def _name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not (name.isprintable() and 1 <= len(name.strip()) <= MAX_NAME):
        raise click.BadParameter(f"must be 1 to {MAX_NAME} printable characters")
    return name.strip()


_prompt = click.option("--prompt", is_flag=True, help="Ask for the password; else make one.")


@operator.command("create")
@click.argument("name", callback=_name)
@click.option(
    "--role",
    required=True,
    type=click.Choice([role.value for role in Role]),
    help="support may look, operator may act too.",
)
@_prompt
@with_appcontext
def create(name: str, role: str, *, prompt: bool) -> None:
    """Let NAME sign in to the console. A password made here is shown once, on the last line."""
    password = _ask_password() if prompt else operators.new_password()
    try:
        operators.create(name, Role(role), password)
    except operators.NameTaken:
        raise click.ClickException(
            f"There is or was an operator called “{name}”; names are not used twice."
        ) from None
    click.echo(f"“{name}” may sign in at {settings().public_base_url}/console with role {role}.")
    _show_once(password, prompt=prompt)


@operator.command("list")
@with_appcontext
def list_all() -> None:
    """List the operators with their roles."""
    for row in operators.list_all():
        disabled = f"  disabled {row.disabled_at:%Y-%m-%d %H:%M}" if row.disabled_at else ""
        click.echo(f"{row.name:40}  {row.role:8}  since {row.created_at:%Y-%m-%d}{disabled}")


@operator.command("disable")
@click.argument("name")
@with_appcontext
def disable(name: str) -> None:
    """Let NAME in no more; their sessions end at once."""
    if not operators.disable(name):
        raise click.ClickException(f"There is no operator called “{name}” who is let in.")
    api_keys.revoke_for_trying(name, settings().secret_key.get_secret_value().encode())
    click.echo(f"“{name}” is let in no more.")


@operator.command("password")
@click.argument("name")
@_prompt
@with_appcontext
def set_password(name: str, *, prompt: bool) -> None:
    """Give NAME a new password; their sessions end at once."""
    password = _ask_password() if prompt else operators.new_password()
    if not operators.set_password(name, password):
        raise click.ClickException(f"There is no operator called “{name}” who is let in.")
    click.echo(f"The password of “{name}” is changed.")
    _show_once(password, prompt=prompt)


def _ask_password() -> str:
    password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    if len(password) < operators.SHORTEST_PASSWORD:
        raise click.ClickException(
            f"A password has at least {operators.SHORTEST_PASSWORD} characters."
        )
    return password


def _show_once(password: str, *, prompt: bool) -> None:
    if not prompt:
        click.echo("The password will not be shown again:")
        click.echo(password)
