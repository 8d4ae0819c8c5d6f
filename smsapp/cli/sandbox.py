"""`flask sandbox`: Twilio on your desk."""

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from smsapp.extensions import settings
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.server import serve

# Twilio's own test sender, for a Messaging Service's texts on the sandbox.
SANDBOX_SENDER = "+15005550006"


@click.command("sandbox")
@with_appcontext
def run_sandbox() -> None:
    """Serve Twilio on your desk, on this machine alone, at the port after PORT."""
    config = settings()
    serve(
        SandboxConfig(
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
