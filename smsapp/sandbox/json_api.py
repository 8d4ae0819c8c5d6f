"""JSON for tests: what the carrier and the mail server accepted, codes, and the weather."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards, inbox
from smsapp.sandbox.calls import call
from smsapp.sandbox.desk import this_desk
from smsapp.sandbox.mail import mailbox
from smsapp.sandbox.verify import service as verify
from smsapp.sandbox.weather import BadWeather

bp = Blueprint("json_api", __name__)
bp.before_request(guards.only_our_pages)


@bp.get("/messages.json")
def messages() -> ResponseReturnValue:
    """List what the carrier accepted from the app, newest first."""
    return {"messages": inbox.sent_by_the_app(this_desk())}


@bp.get("/mail.json")
def mails() -> ResponseReturnValue:
    """List the mails that the server took, newest first."""
    return {"mails": [mail.as_json() for mail in mailbox.mails(this_desk())]}


@bp.get("/calls.json")
def calls() -> ResponseReturnValue:
    """List calls, the app's and those to the shop, newest first."""
    return {"calls": [each.as_json() for each in call.calls(this_desk())]}


@bp.get("/codes.json")
def codes() -> ResponseReturnValue:
    """List Verify's codes, newest first."""
    return {"codes": verify.codes(this_desk())}


@bp.get("/weather.json")
def weather() -> ResponseReturnValue:
    """Show every field of the weather."""
    return this_desk().weather.as_json()


@bp.post("/weather.json")
def change_weather() -> ResponseReturnValue:
    """Set the named fields and leave the others."""
    settings = request.get_json()
    if not isinstance(settings, dict):
        raise BadWeather("Send a JSON object of settings.")
    this_desk().weather.change(settings)
    return weather()


@bp.delete("/weather.json")
def clear_weather() -> ResponseReturnValue:
    """Make it a calm day again."""
    this_desk().weather.clear()
    return weather()


@bp.errorhandler(BadWeather)
def bad_weather(error: BadWeather) -> ResponseReturnValue:
    """Say why there is no such weather."""
    return {"error": "bad_weather", "message": str(error)}, 400
