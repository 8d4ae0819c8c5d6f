"""Proving a number, for internal services: the same rules as on the pages."""

import re
from typing import Annotated, Literal

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from smsapp import mail_address, typed
from smsapp.api_keys import Scope
from smsapp.config_types import E164
from smsapp.errors import (
    BudgetSpent,
    DestinationBlocked,
    Landline,
    ProviderUnavailable,
    VerifyMisconfigured,
    VerifyNotConfigured,
)
from smsapp.events.fields import LanguageTag
from smsapp.extensions import csrf
from smsapp.models import Channel
from smsapp.recipients import asker, verification
from smsapp.web import guards
from smsapp.web.api.answers import Begun, Verdict
from smsapp.web.api.parsing import parse
from smsapp.web.operations import Operation, told

bp = Blueprint("verify_api", __name__, url_prefix="/api/verify")
csrf.exempt(bp)

CODE = re.compile(r"[0-9]{4,10}")
AWAY = (ProviderUnavailable, VerifyMisconfigured, VerifyNotConfigured)


def _code(value: str) -> str:
    """Read a code as the customer typed it into the service's own form."""
    code = typed.code(value) or value
    if not CODE.fullmatch(code):
        raise ValueError("must be the digits of the code, 4 to 10 of them")
    return code


def _address_to_prove(value: str | None, info: ValidationInfo) -> str | None:
    """Read an address where the channel is e-mail; with any other there is none."""
    if info.data.get("channel") != Channel.EMAIL:
        return None
    if value is None:
        raise ValueError("is needed where the channel is email")
    return mail_address.parse(value)


Way = Literal["sms", "call", "whatsapp", "email"]
# No limits of its own: who sent a field of this name before is asked nothing new.
Address = Annotated[
    str | None,
    Field(
        validate_default=True,
        description="Of whoever has the number, with the channel email alone: its code proves the "
        "address, and not the number.",
        examples=[mail_address.EXAMPLE],
    ),
    AfterValidator(_address_to_prove),
]


class Start(BaseModel):
    """Whom to send a code, and how."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    phone: E164
    channel: Way = "sms"
    email: Address = None
    locale: LanguageTag | None = None


class Check(BaseModel):
    """A code that somebody entered."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    phone: E164
    code: Annotated[
        str,
        Field(description="As it was typed: 4 to 10 digits.", examples=["123456"]),
        AfterValidator(_code),
    ]
    channel: Way = "sms"
    email: Address = None


@bp.post("/start")
@guards.api_key(Scope.VERIFY)
@told(Operation({202: (Begun,)}, (Landline, DestinationBlocked, BudgetSpent, *AWAY), Start))
def start_verification() -> ResponseReturnValue:
    """Send a code."""
    wanted = parse(Start)
    caller = asker.service()
    begun = verification.start(
        wanted.phone, Channel(wanted.channel), caller, wanted.locale, address=wanted.email
    )
    return {"sid": begun.sid, "status": begun.status}, 202


@bp.post("/check")
@guards.api_key(Scope.VERIFY)
@told(Operation({200: (Verdict,)}, (Landline, DestinationBlocked, *AWAY), Check))
def check_verification() -> ResponseReturnValue:
    """Check a code against the number's newest verification, if a service asked for one."""
    given = parse(Check)
    verdict = verification.check(given.phone, given.code, asker.service(), address=given.email)
    return {"approved": verdict.approved, "status": verdict.status}
