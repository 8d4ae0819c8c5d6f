"""Proving a number, for internal services: the same rules as on the pages."""

import re
from typing import Annotated, Literal

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, BaseModel, ConfigDict

from smsapp import typed
from smsapp.api_keys import Scope
from smsapp.config_types import E164
from smsapp.events.fields import LanguageTag
from smsapp.extensions import csrf
from smsapp.models import Channel
from smsapp.recipients import asker, verification
from smsapp.web import guards
from smsapp.web.api.parsing import parse

bp = Blueprint("verify_api", __name__, url_prefix="/api/verify")
csrf.exempt(bp)

CODE = re.compile(r"[0-9]{4,10}")


def _code(value: str) -> str:
    """Read a code as the customer typed it into the service's own form."""
    code = typed.code(value) or value
    if not CODE.fullmatch(code):
        raise ValueError("must be the digits of the code, 4 to 10 of them")
    return code


class Start(BaseModel):
    """The body of POST /api/verify/start."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    phone: E164
    channel: Literal["sms", "call"] = "sms"
    locale: LanguageTag | None = None


class Check(BaseModel):
    """The body of POST /api/verify/check."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    phone: E164
    code: Annotated[str, AfterValidator(_code)]


@bp.post("/start")
@guards.api_key(Scope.VERIFY)
def start() -> ResponseReturnValue:
    """Send a code."""
    wanted = parse(Start)
    caller = asker.service()
    begun = verification.start(wanted.phone, Channel(wanted.channel), caller, wanted.locale)
    return {"sid": begun.sid, "status": begun.status}, 202


@bp.post("/check")
@guards.api_key(Scope.VERIFY)
def check() -> ResponseReturnValue:
    """Check a code against the number's newest verification, if a service asked for one."""
    given = parse(Check)
    verdict = verification.check(given.phone, given.code, asker.service())
    return {"approved": verdict.approved, "status": verdict.status}
