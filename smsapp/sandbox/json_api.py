"""JSON for tests: what the carrier accepted, codes, and the weather."""

import json

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards
from smsapp.sandbox.parts import parts
from smsapp.sandbox.weather import BadWeather

bp = Blueprint("json_api", __name__)
bp.before_request(guards.only_our_pages)


@bp.get("/messages.json")
def messages() -> ResponseReturnValue:
    """List what the carrier accepted from the app, newest first."""
    listed = [message.as_json() for message in parts().inbox.sent_by_the_app()]
    return Response(json.dumps({"messages": listed}), content_type="application/json")


@bp.get("/codes.json")
def codes() -> ResponseReturnValue:
    """List Verify's codes, newest first."""
    listed = parts().verify.codes()
    return Response(json.dumps({"codes": listed}), content_type="application/json")


@bp.get("/weather.json")
def weather() -> ResponseReturnValue:
    """Show every field of the weather."""
    return parts().weather.as_json()


@bp.post("/weather.json")
def change_weather() -> ResponseReturnValue:
    """Set the named fields and leave the others."""
    settings = request.get_json()
    if not isinstance(settings, dict):
        raise BadWeather("Send a JSON object of settings.")
    parts().weather.change(settings)
    return weather()


@bp.delete("/weather.json")
def clear_weather() -> ResponseReturnValue:
    """Make it a calm day again."""
    parts().weather.clear()
    return weather()


@bp.errorhandler(BadWeather)
def bad_weather(error: BadWeather) -> ResponseReturnValue:
    """Say why there is no such weather."""
    return {"error": "bad_weather", "message": str(error)}, 400
