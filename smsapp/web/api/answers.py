"""The shapes of what the API answers: the views make them, /openapi.json tells of them."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from smsapp.errors import ErrorAnswer
from smsapp.events import kinds
from smsapp.models import (
    AttemptState,
    BatchAct,
    BatchState,
    Channel,
    DeliveryState,
    IncidentState,
    Reason,
    Severity,
)
from smsapp.providers.twilio_errors import ErrorClass
from smsapp.webhooks.endpoints import Status

_ID = "01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e"
_SID = "SM00000000000000000000000000000001"

Id = Annotated[
    str,
    Field(
        description="Ours, of the delivery.",
        examples=[_ID],
        json_schema_extra={"format": "uuid"},
    ),
]
BatchId = Annotated[
    str,
    Field(
        description="Ours, of the batch.",
        examples=["01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5f"],
        json_schema_extra={"format": "uuid"},
    ),
]
Sid = Annotated[
    str,
    Field(description="Twilio's Message SID.", examples=[_SID]),
]
Time = Annotated[
    str,
    Field(examples=["2026-06-02T09:00:00+00:00"], json_schema_extra={"format": "date-time"}),
]


def _such_as(**example: Any) -> ConfigDict:
    """Return the example of an answer, where those of the fields that it must have say too little.

    Whatever it is about has the same ids.
    """
    ids = {"deliveryId": _ID, "sid": _SID}
    return ConfigDict(json_schema_extra={"examples": [example | ids]})


class PlannedReminder(TypedDict):
    """A reminder of an appointment: when it leaves, or why it is left out."""

    before: Annotated[str, Field(examples=["P1D"])]
    sendAt: NotRequired[Time]
    leftOut: NotRequired[Annotated[str, Field(examples=["past"])]]


class _OfDelivery(TypedDict):
    """What is told of an event's delivery, however it went."""

    deliveryId: Id
    sendAt: NotRequired[Annotated[Time, Field(description="When it leaves, if that is later.")]]
    reminders: NotRequired[list[PlannedReminder]]


@with_config(_such_as(accepted=True, status="sent"))
class Accepted(_OfDelivery):
    """The event is written down and not lost; `sid` where its text has left."""

    accepted: Literal[True]
    sid: NotRequired[Sid]
    status: DeliveryState


@with_config(_such_as(duplicate=True, status="delivered"))
class Duplicate(_OfDelivery):
    """The event came before: nobody is texted again, and `status` says how its text does."""

    duplicate: Literal[True]
    sid: NotRequired[Sid]
    status: DeliveryState


class Refused(_OfDelivery, ErrorAnswer):
    """The customer is not to be texted; the delivery is kept as suppressed."""

    duplicate: NotRequired[Literal[True]]


class NotDelivered(_OfDelivery, ErrorAnswer):
    """Twilio refused the text for good."""

    duplicate: NotRequired[Literal[True]]
    code: Annotated[int | None, Field(description="Twilio's error code.", examples=[21211])]
    nextStep: Annotated[str, Field(examples=["Correct the number."])]


class Why(TypedDict):
    """As a word and in words."""

    code: Annotated[str, Field(examples=["now"])]
    message: Annotated[str, Field(examples=["It would leave now."])]


class WouldSend(TypedDict):
    """What would become of an event (?dryRun=true): nothing is written or sent."""

    wouldSend: bool
    why: Why
    body: Annotated[str, Field(examples=["Corner Books: Your order 1001 has shipped."])]
    segments: Annotated[int, Field(examples=[1])]
    encoding: Annotated[str, Field(examples=["GSM-7"])]
    channel: Channel
    sendAt: Annotated[Time | None, Field(examples=[None])]
    warnings: Annotated[list[str], Field(examples=[[]])]
    reminders: NotRequired[list[PlannedReminder]]


def _tell_subjects(schema: dict[str, Any]) -> None:
    """Add the subject under the name of what it is: `orderId`."""
    for about in sorted({kind.about for kind in kinds.ALL.values()}):
        said = f"The subject, where it is the id of this {about}."
        schema["properties"][kinds.subject_field(about)] = {"type": "string", "description": said}


@with_config(ConfigDict(json_schema_extra=_tell_subjects))
class Outline(TypedDict):
    """What is told of a delivery wherever it is told of."""

    deliveryId: Id
    kind: Annotated[str, Field(description="More may come.", examples=["order_shipped"])]
    channel: Channel
    eventId: Annotated[str, Field(examples=["event-1001"])]
    subject: Annotated[
        str, Field(description="What it is about, such as an order.", examples=["1001"])
    ]
    status: Annotated[DeliveryState, Field(examples=["delivered"])]
    reason: Annotated[Reason | None, Field(examples=[None])]
    sid: Sid | None
    phone: Annotated[str | None, Field(description="Masked.", examples=["+*******0123"])]
    country: Annotated[str, Field(description="ISO 3166 alpha-2, by the number.", examples=["US"])]
    createdAt: Time
    dueAt: Annotated[
        Time | None, Field(description="When it leaves, where it waits.", examples=[None])
    ]


class Page(TypedDict):
    """Deliveries, newest first. A page may hold few or none where nextCursor leads on."""

    data: list[Outline]
    nextCursor: Annotated[
        str | None,
        Field(
            description="Of the next page, with the same parameters; null: there is none.",
            examples=[None],
        ),
    ]


class Meaning(TypedDict):
    """How a delivery does, in plain words."""

    title: Annotated[str, Field(examples=["Delivered"])]
    cause: Annotated[str, Field(examples=["The carrier says that the phone has it."])]
    nextStep: Annotated[str, Field(examples=["Nothing."])]


# "class" is no name that Python lets a field have.
Trouble = TypedDict(
    "Trouble",
    {
        "code": Annotated[int | None, Field(description="Twilio's.", examples=[30003])],
        "class": ErrorClass,
        "cause": str,
        "nextStep": str,
        "docs": Annotated[str | None, Field(description="Twilio's page about the code.")],
    },
)
Trouble.__doc__ = "What went wrong, in plain words."


class AppointmentAnswer(TypedDict):
    """The appointment that a delivery is about, as it stands now."""

    startsAt: Time | None
    timeZone: Annotated[str | None, Field(examples=["Europe/Berlin"])]
    place: Annotated[str | None, Field(examples=["Hill Street 1"])]
    isCanceled: bool
    confirmedAt: Time | None


class AttemptAnswer(TypedDict):
    """One call to the provider."""

    attempt: Annotated[int, Field(examples=[1])]
    channel: Channel
    sid: Sid | None
    status: Annotated[AttemptState, Field(examples=["delivered"])]
    segments: Annotated[int | None, Field(examples=[1])]
    startedAt: Time
    error: Annotated[Trouble | None, Field(examples=[None])]


class StepAnswer(TypedDict):
    """One thing that happened, who said so, and what it means in plain words."""

    at: Time
    status: Annotated[str, Field(examples=["accepted"])]
    source: Annotated[str, Field(examples=["api"])]
    attempt: Annotated[int | None, Field(examples=[None])]
    code: Annotated[int | None, Field(description="Twilio's error code.", examples=[None])]
    reason: Annotated[str | None, Field(examples=[None])]
    sid: Annotated[Sid | None, Field(examples=[None])]
    consent: Annotated[
        int | None, Field(description="The row of the consent ledger.", examples=[None])
    ]
    ignored: Annotated[
        str | None, Field(description="Why it moved nothing, if so.", examples=[None])
    ]
    text: Annotated[str, Field(examples=["The event came in."])]


class DeliveryAnswer(Outline):
    """A delivery with its attempts and all that happened to it, oldest first."""

    metadata: Annotated[dict[str, str], Field(examples=[{"cart": "77"}])]
    meaning: Meaning
    error: Annotated[Trouble | None, Field(description="Of the newest attempt.", examples=[None])]
    appointment: NotRequired[AppointmentAnswer]
    attempts: list[AttemptAnswer]
    timeline: list[StepAnswer]


IncidentId = Annotated[
    str,
    Field(
        description="Ours, of the incident.",
        examples=["01a1fc1e-9b2c-7a41-8c5d-2f6b7a8c9d0e"],
        json_schema_extra={"format": "uuid"},
    ),
]


class _OfIncident(TypedDict):
    """What is told of an event's incident."""

    incidentId: IncidentId
    status: IncidentState
    count: Annotated[int, Field(description="Of the events that told of it.", examples=[1])]


class IncidentAccepted(_OfIncident):
    """The event is written down and not lost; a worker pages whoever is on call."""

    accepted: Literal[True]


class IncidentDuplicate(_OfIncident):
    """The event came before: nobody is paged again, and `status` says how its incident stands."""

    duplicate: Literal[True]


class Ignored(TypedDict):
    """No incident of this key was open, so there was nothing to end."""

    ignored: Literal[True]
    duplicate: NotRequired[Literal[True]]
    status: Literal["unknown"]


class WouldPage(TypedDict):
    """What would become of an event (?dryRun=true): nothing is written, nobody is paged."""

    wouldPage: bool
    why: Why


class IncidentAnswer(_OfIncident):
    """How an incident stands."""

    incidentKey: Annotated[str, Field(examples=["checkout-errors"])]
    title: Annotated[str, Field(examples=["Checkout answers with errors"])]
    severity: Severity
    openedAt: Time
    acknowledgedAt: Annotated[Time | None, Field(examples=[None])]
    acknowledgedBy: Annotated[str | None, Field(examples=[None])]
    resolvedAt: Annotated[Time | None, Field(examples=[None])]
    nobodyAnswered: Annotated[
        bool, Field(description="All steps were gone through in vain.", examples=[False])
    ]


class RowFault(TypedDict):
    """What is wrong with a row of a batch; nothing of what stood there is repeated."""

    row: Annotated[int, Field(description="As in a spreadsheet: the header is 1.", examples=[17])]
    column: Annotated[str, Field(examples=["phone"])]
    message: Annotated[str, Field(examples=["must be given"])]


Counts = Annotated[dict[str, int], Field(examples=[{}])]


class BatchReport(TypedDict):
    """What was found when a batch was looked through."""

    rows: Annotated[int, Field(examples=[1000])]
    wouldSend: Annotated[
        int, Field(description="Rows that would be sent, if it was started now.", examples=[990])
    ]
    faulty: Annotated[int, Field(description="Rows with faults: left out.", examples=[0])]
    repeated: Annotated[
        int,
        Field(description="Rows that say the same to the same number: sent once.", examples=[0]),
    ]
    duplicates: Annotated[int, Field(description="Rows of events that came before.", examples=[0])]
    sameNumber: Annotated[
        int, Field(description="Rows with another text to a number before them.", examples=[0])
    ]
    refused: Annotated[Counts, Field(description="Who may not be written to, by the reason.")]
    segments: Annotated[int, Field(description="Of all texts.", examples=[990])]
    sizes: Annotated[Counts, Field(description="How many texts take how many segments.")]
    encodings: Annotated[Counts, Field(description="How many texts are in which encoding.")]
    countries: Annotated[Counts, Field(description="How many texts go where (ISO 3166).")]
    warnings: Annotated[
        Counts, Field(description="Sentences about the texts, and of how many each is true.")
    ]
    faults: Annotated[list[RowFault], Field(description="The first of them.", examples=[[]])]
    ignored: Annotated[
        list[str], Field(description="Columns that nothing is made of.", examples=[[]])
    ]


class BatchDeedAnswer(TypedDict):
    """What somebody did to a batch."""

    act: BatchAct
    at: Time
    by: Annotated[str, Field(examples=["API key shop"])]


class BatchAnswer(TypedDict):
    """A batch: what was found in it, and how it stands."""

    batchId: BatchId
    name: Annotated[str, Field(examples=["october-ready"])]
    kind: Annotated[str, Field(examples=["order_ready"])]
    purpose: Annotated[str | None, Field(examples=[None])]
    status: Annotated[BatchState, Field(examples=["ready"])]
    needsOperator: Annotated[
        bool,
        Field(
            description="Whether an operator who did not hand it in has to start it, in the "
            "console.",
            examples=[False],
        ),
    ]
    rows: Annotated[Counts, Field(description="How many rows are in which state.")]
    deliveries: Annotated[
        Counts, Field(description="Of the accepted rows, how many deliveries are in which state.")
    ]
    secondsLeft: Annotated[
        int | None,
        Field(description="Until the last leaves, at the present rate; null: no limit is set."),
    ]
    report: BatchReport | None
    deeds: list[BatchDeedAnswer]


class JudgedBatch(TypedDict):
    """What would become of a batch (?dryRun=true): nothing is kept."""

    report: BatchReport


class Begun(TypedDict):
    """A code is on its way; `sid` is Twilio Verify's."""

    sid: Annotated[str, Field(examples=["VE00000000000000000000000000000001"])]
    status: Annotated[str, Field(examples=["pending"])]


class Verdict(TypedDict):
    """Whether the code was right; `pending` for a wrong one, `expired` where none is asked for."""

    approved: bool
    status: Annotated[str, Field(examples=["approved"])]


EndpointId = Annotated[
    str,
    Field(
        description="Ours, of the webhook endpoint.",
        examples=["01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d60"],
        json_schema_extra={"format": "uuid"},
    ),
]


class EndpointAnswer(TypedDict):
    """A webhook endpoint, and how it does."""

    id: EndpointId
    name: Annotated[str, Field(examples=["shop"])]
    url: Annotated[str, Field(examples=["https://shop.example.com/webhooks"])]
    events: Annotated[
        list[str] | None,
        Field(description="What it is told of; null: everything.", examples=[None]),
    ]
    includeBodies: Annotated[bool, Field(examples=[False])]
    status: Annotated[
        Status,
        Field(
            description="failing: it took nothing lately. given_up: nor for a day, and it is told "
            "nothing more.",
            examples=["enabled"],
        ),
    ]
    failingSince: Annotated[Time | None, Field(examples=[None])]
    waiting: Annotated[int, Field(description="Counted up to 10,000.", examples=[0])]
    dead: Annotated[int, Field(description="Given up, and kept for a while.", examples=[0])]
    createdAt: Time


class EndpointsAnswer(TypedDict):
    """All webhook endpoints, by name."""

    data: list[EndpointAnswer]


class WithSecret(EndpointAnswer):
    """A webhook endpoint with its new secret, which is not shown again."""

    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])]


class Replayed(TypedDict):
    """How many webhooks are sent once more."""

    replayed: Annotated[int, Field(examples=[12])]
