"""The contract, for programs and for people: both are made of the same document."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from smsapp.extensions import settings
from smsapp.web import guards
from smsapp.web.openapi import document

bp = Blueprint("docs", __name__)


@bp.get("/openapi.json")
@guards.public
def openapi() -> ResponseReturnValue:
    """Return the contract as OpenAPI 3.1."""
    return {**document(), "servers": [{"url": settings().public_base_url}]}
