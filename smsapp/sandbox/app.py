"""The sandbox as a Flask app."""

from pathlib import Path

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards, json_api
from smsapp.sandbox.calls import page as calls_page
from smsapp.sandbox.calls import rest as calls
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.mail import page as mails
from smsapp.sandbox.phone import page, templates_page
from smsapp.sandbox.rest import account, messages
from smsapp.sandbox.verify import rest as verify
from smsapp.sandbox.whatsapp import content_api, templates

ROOT = Path(__file__).parents[2]


class TwilioOrder(DefaultJSONProvider):
    """JSON with its keys in Twilio's order."""

    sort_keys = False


def create_sandbox(desk: Desk) -> Flask:
    """Return a sandbox as a Flask app; it is `Scheduler` that lets its time pass."""
    app = Flask(__name__, template_folder=ROOT / "templates", static_folder=ROOT / "static")
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.extensions["sandbox"] = desk
    app.json = TwilioOrder(app)
    app.before_request(guards.only_this_machine)
    templates.make_ready(desk.database)
    apis = (
        messages.bp,
        calls.bp,
        account.bp,
        account.service_bp,
        verify.bp,
        *content_api.BLUEPRINTS,
    )
    pages = (page.bp, templates_page.bp, mails.bp, calls_page.bp)
    for bp in (*apis, messages.storage_bp, json_api.bp, *pages):
        app.register_blueprint(bp)
    app.add_url_rule("/healthz", view_func=_healthz)
    return app


def _healthz() -> ResponseReturnValue:
    return {"status": "ok"}
