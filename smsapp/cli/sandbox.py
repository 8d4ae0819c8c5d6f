"""`flask sandbox`: Twilio on your desk."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import Engine, select, update

from smsapp.extensions import database_now, db, settings
from smsapp.models import Delivery, DeliveryState, Phone
from smsapp.sandbox.config import WHATSAPP_NUMBER, SandboxConfig
from smsapp.sandbox.server import serve

# Twilio's own test sender, for a Messaging Service's texts on the sandbox.
SANDBOX_SENDER = "+15005550006"


@click.command("sandbox")
@with_appcontext
def run_sandbox() -> None:
    """Serve Twilio and a mail server on your desk, at the two ports after PORT."""
    config = settings()
    voice = f"{config.public_base_url}/twilio/voice"
    serve(
        SandboxConfig(
            account_sid=config.twilio_account_sid,
            auth_token=config.twilio_auth_token.get_secret_value(),
            from_number=config.twilio_from_number or SANDBOX_SENDER,
            whatsapp_from=config.twilio_whatsapp_from or WHATSAPP_NUMBER,
            database=Path(current_app.instance_path) / "sandbox.sqlite3",
            api_key_sid=config.twilio_api_key_sid,
            api_key_secret=config.rest_credentials[1] if config.twilio_api_key_sid else None,
            public_base_url=config.public_base_url,
            verify_service_sid=config.twilio_verify_service_sid,
            verify_friendly_name=config.shop_name or "Shop",
            mail_port=config.port + 2,
            voice_number=config.twilio_voice_from,
            voice_url=f"{voice}/incoming",
            voice_fallback_url=f"{voice}/fallback",
            voice_status_url=f"{voice}/status#rc=5&rp=all",
            let_pass=partial(let_pass, db.engine),
        ),
        config.port + 1,
    )


def let_pass(engine: Engine, time: timedelta) -> None:
    """Let all that waits in the app be so much nearer, as if that time had passed.

    What would have left in it leaves now, in quiet hours too: it would have left before them. Who
    wrote on WhatsApp did so that much longer ago.
    """
    waits = update(Delivery).where(Delivery.state == DeliveryState.PENDING)
    with engine.begin() as conn:
        now = database_now(conn)
        conn.execute(waits.where(Delivery.due_at <= now + time).values(waits_for_morning=False))
        for row in conn.execute(
            select(Delivery.id, Delivery.due_at, Delivery.expires_at)
            .where(Delivery.state == DeliveryState.PENDING)
            .with_for_update()
        ).all():
            # Nobody was here to send it in time: it is due now, and of use for as long as before.
            by = min(time, max(row.due_at - now, timedelta(0)))
            nearer = {"due_at": row.due_at - by, "expires_at": row.expires_at - by}
            conn.execute(waits.where(Delivery.id == row.id).values(nearer))
        for key, wrote_at in conn.execute(
            select(Phone.phone_key, Phone.whatsapp_at).with_for_update()
        ).all():
            if wrote_at:
                of = update(Phone).where(Phone.phone_key == key)
                conn.execute(of.values(whatsapp_at=wrote_at - time))
