"""The whole schema: columns, constraints, indexes; no behaviour.

A phone number stands in one table, `phone`. Everything else holds its key, so that a person
can be erased by nulling one field while opt-outs and counts survive.
"""

from smsapp.models.api_keys import ApiKey
from smsapp.models.appointments import AppointmentEvent
from smsapp.models.base import Base, Channel
from smsapp.models.batches import (
    FIELDS_ARE_HERE,
    Batch,
    BatchAct,
    BatchDeed,
    BatchRow,
    BatchState,
    RowState,
)
from smsapp.models.calls import Call, CallDirection, TranscriptState, Voicemail
from smsapp.models.consent import (
    Consent,
    ConsentAction,
    ConsentEvidence,
    ConsentSource,
    OptOut,
    OptOutSource,
    Wording,
)
from smsapp.models.deliveries import (
    BODY_MAY_GO,
    Attempt,
    AttemptSource,
    AttemptState,
    BodyAtTwilio,
    CallOutcome,
    Delivery,
    DeliveryState,
    Ignored,
    Reason,
    Receipt,
    ReceiptSource,
    RejectedReceipt,
)
from smsapp.models.inbound import BODY_IS_HERE, Inbound, InboundList, InboundMedia
from smsapp.models.oncall import (
    INCIDENT_IS_OPEN,
    Door,
    Handover,
    Incident,
    IncidentEvent,
    IncidentPage,
    IncidentState,
    OnCallPerson,
    RotaOverride,
    Severity,
)
from smsapp.models.operators import Act, Audit, Operator, OperatorSession, Role
from smsapp.models.phones import NETWORK_IS_HERE, NUMBER_IS_HERE, Phone, Verification
from smsapp.models.senders import Sender
from smsapp.models.watching import (
    Alarm,
    AlarmKind,
    HourCount,
    RolledHour,
    ScheduledJob,
    Tally,
    Worker,
)
from smsapp.models.webhooks import DisabledBecause, Webhook, WebhookEndpoint, WebhookState
