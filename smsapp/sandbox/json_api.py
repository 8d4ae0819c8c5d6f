"""JSON for tests: what the carrier accepted, codes, customers' texts, and the weather."""

import json

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.inbound.customers import BadText, Customers
from smsapp.sandbox.inbox import Inbox
from smsapp.sandbox.verify.service import Verify
from smsapp.sandbox.weather import BadWeather, Weather


def create_blueprint(
    carrier: Carrier, inbox: Inbox, customers: Customers, verify: Verify, weather: Weather
) -> Blueprint:
    """Return `/messages.json`, `/codes.json`, `/inbound.json` and `/weather.json`."""
    bp = Blueprint("contract", __name__)
    bp.before_request(guards.only_our_pages)

    @bp.get("/messages.json")
    def messages() -> ResponseReturnValue:
        listed = [message.as_json() for message in inbox.sent_by_the_app()]
        return Response(json.dumps({"messages": listed}), content_type="application/json")

    @bp.delete("/messages.json")
    def clear_messages() -> ResponseReturnValue:
        carrier.clear()
        return Response(status=204)

    @bp.get("/codes.json")
    def codes() -> ResponseReturnValue:
        return Response(json.dumps({"codes": verify.codes()}), content_type="application/json")

    @bp.post("/inbound.json")
    def inbound() -> ResponseReturnValue:
        text = request.get_json()
        if not isinstance(text, dict) or not all(
            isinstance(text.get(name), str) for name in ("from", "body")
        ):
            raise BadText('Send {"from": "+1…", "body": "…"}.')
        return {"sid": customers.text(text["from"], text["body"]).sid}, 201

    @bp.errorhandler(BadText)
    def bad_text(error: BadText) -> ResponseReturnValue:
        return {"error": "bad_text", "message": str(error)}, 400

    @bp.get("/weather.json")
    def show_weather() -> ResponseReturnValue:
        return weather.as_json()

    @bp.post("/weather.json")
    def change_weather() -> ResponseReturnValue:
        settings = request.get_json()
        if not isinstance(settings, dict):
            raise BadWeather("Send a JSON object of settings.")
        weather.change(settings)
        return weather.as_json()

    @bp.delete("/weather.json")
    def clear_weather() -> ResponseReturnValue:
        weather.clear()
        return weather.as_json()

    @bp.errorhandler(BadWeather)
    def bad_weather(error: BadWeather) -> ResponseReturnValue:
        return {"error": "bad_weather", "message": str(error)}, 400

    return bp
