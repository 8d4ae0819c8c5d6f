"""`flask api-key`: keys of internal services."""

import click
from flask.cli import with_appcontext

from smsapp import api_keys
from smsapp.api_keys import MAX_NAME, Scope

api_key = click.Group("api-key", help="API keys of internal services.")


def _key_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not (name.isprintable() and 1 <= len(name.strip()) <= MAX_NAME):
        raise click.BadParameter(f"must be 1 to {MAX_NAME} printable characters")
    return name.strip()


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
@click.option("--test", "is_test", is_flag=True, help="Nothing that it sends leaves the app.")
@with_appcontext
def create_api_key(name: str, scopes: tuple[str, ...], *, is_test: bool) -> None:
    """Make a key called NAME. It is shown once, alone on the last line.

    With a test key everything is as with any other, but that no message leaves: how each ends its
    number says, as /docs lists.
    """
    try:
        key = api_keys.create(name, {Scope(scope) for scope in scopes}, is_test=is_test)
    except api_keys.NotForTests:
        may = ", ".join(sorted(api_keys.TEST_SCOPES))
        raise click.ClickException(
            f"A test key may have the scopes {may}: what the others open is real."
        ) from None
    except api_keys.NameTaken:
        raise click.ClickException(
            f"There is or was a key called “{name}”; names are not used twice."
        ) from None
    what = "Test key" if is_test else "Key"
    click.echo(f"{what} “{name}” may {', '.join(sorted(scopes))}. It will not be shown again:")
    click.echo(key)


@api_key.command("list")
@with_appcontext
def list_api_keys() -> None:
    """List the keys with what they may do and when they were last used."""
    for key in api_keys.list_all():
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
        revoked = f"  revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
        test = "  test" if key.is_test else ""
        click.echo(f"{key.name:30}  {key.scopes:18}  last used {used}{test}{revoked}")


@api_key.command("revoke")
@click.argument("name")
@with_appcontext
def revoke_api_key(name: str) -> None:
    """Revoke the key called NAME; within seconds it opens nothing."""
    if not api_keys.revoke(name):
        raise click.ClickException(f"There is no live key called “{name}”.")
    click.echo(f"Key “{name}” is revoked.")
