"""Every deliberate error, with its stable code and HTTP status.

Only these reach a user; anything else is a bug and answers 500 without a detail. No text here
may hold a phone number, a body, a code or a token.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NotRequired

from pydantic import Field
from typing_extensions import TypedDict


class ErrorAnswer(TypedDict):
    """What every error answers; `retryAfter` in seconds, where a repeat may do."""

    error: str
    message: str
    retryAfter: NotRequired[int]


class Faults(TypedDict):
    """All faults at once: of the body as a whole, and by field."""

    formErrors: Annotated[list[str], Field(examples=[[]])]
    fieldErrors: Annotated[dict[str, list[str]], Field(examples=[{"phone": ["must be given"]}])]


class FaultyAnswer(ErrorAnswer):
    """What a request with faults is answered."""

    details: Faults


class OtherKindsAnswer(ErrorAnswer):
    """What an address is answered that there is not; the kinds, where it names none of them."""

    kinds: NotRequired[list[str]]


class ReusedAnswer(ErrorAnswer):
    """What an event id with other content is answered; the delivery is that of the first."""

    deliveryId: Annotated[str, Field(examples=["01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e"])]


class ReusedForIncidentAnswer(ErrorAnswer):
    """What an event id with other content is answered; the incident is that of the first."""

    incidentId: NotRequired[
        Annotated[str, Field(examples=["01a1fc1e-9b2c-7a41-8c5d-2f6b7a8c9d0e"])]
    ]


class TooLateAnswer(ErrorAnswer):
    """What is answered where a delivery does not wait any more."""

    status: Annotated[str, Field(examples=["sent"])]


class SmsappError(Exception):
    """An error that a caller is meant to see.

    Args:
        message: One sentence in plain words; the class's own when left out.
        extra: More fields for the JSON answer.
        retry_after: Seconds until a repeat makes sense, sent as Retry-After.

    Attributes:
        answer: The shape of its JSON, with the fields of `extra`.
        schema: What the contract calls it; "" for its code.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    message: ClassVar[str]
    answer: ClassVar[type] = ErrorAnswer
    schema: ClassVar[str] = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.text = message or self.message
        self.extra = dict(extra or {})
        self.retry_after = retry_after
        super().__init__(self.text)

    @property
    def headers(self) -> dict[str, str]:
        """Return the answer's headers."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}


class InvalidRequest(SmsappError):
    """The request cannot be read; `details` names every fault at once."""

    code, status, answer = "invalid_request", 400, FaultyAnswer
    message = "The request has faults; details names each of them."

    def __init__(self, message: str | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        faults: Faults = {"formErrors": [message] if message else [], "fieldErrors": {}}
        self.extra.setdefault("details", faults)


class Unauthorized(SmsappError):
    """No API key, or one that is unknown or revoked."""

    code, status = "unauthorized", 401
    message = "Send a valid API key as “Authorization: Bearer <key>”."


class Forbidden(SmsappError):
    """The API key lacks the scope."""

    code, status, message = "forbidden", 403, "This API key may not do that."


class NotFound(SmsappError):
    """There is no such thing."""

    code, status, message = "not_found", 404, "Nothing was found there."
    answer = OtherKindsAnswer


class MethodNotAllowed(SmsappError):
    """The address exists, but not for this method."""

    code, status = "method_not_allowed", 405
    message = "This address does not take that method; Allow says which it takes."


class BodyTooLarge(SmsappError):
    """The body is larger than any that makes sense."""

    code, status, message = (
        "body_too_large",
        413,
        "The body is larger than is taken here: 16 KiB; of a batch 32 MiB.",
    )


class UnsupportedMediaType(SmsappError):
    """The body is not sent as what it should be."""

    code, status = "unsupported_media_type", 415
    message = "Send the body as JSON, with Content-Type: application/json."


class EventIdReused(SmsappError):
    """The event id came before with different content."""

    code, status, answer = "event_id_reused", 422, ReusedAnswer
    message = "This event id came before with different content."


class EndpointNameTaken(SmsappError):
    """There is a webhook endpoint of this name, perhaps a disabled one."""

    code, status = "name_taken", 409
    message = "There is a webhook endpoint of this name; give another."


class TooManyEndpoints(SmsappError):
    """As many webhook endpoints are told as one worker has threads and connections for."""

    code, status = "too_many_endpoints", 409
    message = "As many webhook endpoints are enabled as there may be; disable one first."


class IncidentEventIdReused(SmsappError):
    """The event id came before with different content."""

    code, status, answer = EventIdReused.code, EventIdReused.status, ReusedForIncidentAnswer
    message, schema = EventIdReused.message, "IncidentEventIdReused"


class TooLate(SmsappError):
    """It has left, or is just leaving, or has come to another end: it cannot be canceled.

    Args:
        state: The delivery's.
    """

    code, status, answer = "too_late", 409, TooLateAnswer
    message = "It cannot be canceled any more."

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"{self.message[:-1]}: its status is {state}.", extra={"status": state})


class OfBatchAnswer(ErrorAnswer):
    """What is answered about a batch that there is."""

    batchId: Annotated[str, Field(examples=["01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5f"])]


class BatchNameTaken(SmsappError):
    """Another batch has this name."""

    code, status, answer = "batch_name_taken", 409, OfBatchAnswer
    message = "Another batch with other content has this name. Take a new name for a new batch."


class BatchRepeated(SmsappError):
    """The same rows were handed in under another name less than a day ago."""

    code, status, answer = "batch_repeated", 409, OfBatchAnswer
    message = "The same was handed in under another name less than a day ago. Nothing was kept."


class BatchBusy(SmsappError):
    """It is being judged at this moment."""

    code, status, answer = "batch_busy", 409, OfBatchAnswer
    message = "This batch is being looked through at this moment. Ask for it in a while."


class BatchStateAnswer(ErrorAnswer):
    """What is answered where a batch is in another state."""

    status: Annotated[str, Field(examples=["done"])]


class BatchNotInState(SmsappError):
    """A batch in this state cannot be started, paused, resumed or canceled.

    Args:
        state: The batch's.
    """

    code, status, answer = "batch_not_in_state", 409, BatchStateAnswer
    message = "That cannot be done to the batch now."

    def __init__(self, state: str) -> None:
        super().__init__(f"{self.message[:-1]}: its status is {state}.", extra={"status": state})


class BatchHasFaults(SmsappError):
    """Some rows have faults, and nobody said to leave them out; or no row is left to send."""

    code, status = "batch_faulty", 409
    message = "Some rows have faults. Nothing was started; say that they are to be left out."


class FourEyes(SmsappError):
    """A large batch is started by another operator than who handed it in."""

    code, status = "four_eyes", 403
    message = (
        "A batch of this size is started in the console, by an operator who did not hand it in."
    )


class RateLimited(SmsappError):
    """More requests than allowed."""

    code, status = "rate_limited", 429
    message = "Too many requests. Wait as long as Retry-After says, then go on."


class ProofRequired(SmsappError):
    """Many codes to numbers like this one are not entered: the browser has to do a sum first.

    Args:
        bits: How large it is; one more doubles it.
    """

    code, status = "proof_required", 429
    message = "Codes to numbers like this one are sent from our page only, after one more step."

    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__()


class Landline(SmsappError):
    """A text cannot reach the number."""

    code, status = "landline", 422
    message = "This number is a landline, which cannot get texts. We can call it instead."


class DestinationBlocked(SmsappError):
    """Codes are not sent there."""

    code, status = "destination_blocked", 403
    message = "We cannot send codes to this number. Use another one."


class CountryNotServed(SmsappError):
    """The pages send no codes to the number's country."""

    code, status = "country_not_served", 403
    message = "We send no codes to numbers of that country. Use another one."


class CallsNotOffered(SmsappError):
    """The pages call nobody with a code."""

    code, status, message = "calls_not_offered", 403, "We do not call with codes. Ask for a text."


class WayNotOffered(SmsappError):
    """The pages send no codes on this channel."""

    code, status = "way_not_offered", 403
    message = "We do not send codes this way. Ask for a text."


class ProviderUnavailable(SmsappError):
    """Twilio does not answer, or refuses us; it says nothing about the caller's code."""

    code, status = "provider_unavailable", 503
    message = "Codes cannot be sent or checked just now. It is not your fault; try again soon."


class BudgetSpent(SmsappError):
    """All codes that may be sent in an hour or a day were sent: nobody gets one for now."""

    code, status = "verify_budget_spent", 503
    message = "No more codes are sent for now: as many went out as may. Try again later."


class VerifyNotConfigured(SmsappError):
    """There is no Verify Service in the settings."""

    code, status = "verify_not_configured", 503
    message = "Verification is not set up here: TWILIO_VERIFY_SERVICE_SID is missing or wrong."


class VerifyMisconfigured(SmsappError):
    """Twilio Verify refuses us for a setting, of ours or in the Twilio Console."""

    code, status = "verify_misconfigured", 503
    message = (
        "Twilio Verify refuses this for a setting that is wrong here: the log and `flask doctor`"
        " say which."
    )


class OnCallNotConfigured(SmsappError):
    """Nobody was ever put in who could be on call."""

    code, status = "oncall_not_configured", 503
    message = "Nobody can be paged here: nobody was put in. An operator does: flask oncall add."


class DatabaseAway(SmsappError):
    """The database does not answer or cannot be written, so nothing was accepted."""

    NEXT = "Nothing was accepted; send the same request again."

    code, status = "database_unavailable", 503
    message = f"The database is not available. {NEXT}"


class InvalidCallback(SmsappError):
    """A webhook whose fields make no sense, though its signature is right."""

    code, status, message = "invalid_callback", 400, "invalid callback"


class InvalidSignature(SmsappError):
    """A webhook that Twilio did not sign."""

    code, status, message = "invalid_signature", 403, "invalid signature"


class RecordingAway(SmsappError):
    """Twilio does not give a recording just now."""

    code, status = "recording_away", 503
    message = "Twilio does not give the recording just now. Try again in a minute."


class Bug(SmsappError):
    """Something we did not think of; the log has its place under the request id."""

    code, status = "internal_error", 500
    message = "Something went wrong on our side. The request id helps us to find it."


# What the web framework refuses by itself.
BY_STATUS: dict[int, type[SmsappError]] = {
    error.status: error
    for error in (
        InvalidRequest,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        BodyTooLarge,
        UnsupportedMediaType,
        RateLimited,
    )
}
