"""Which open alarms may explain a text's state: then it is not this text alone."""

from smsapp.models import AlarmKind, DeliveryState
from smsapp.watch import alarms
from smsapp.watch.alarms import OpenAlarm

_WAITS = frozenset({DeliveryState.PENDING, DeliveryState.SENDING})
_IS_SILENT = frozenset({DeliveryState.SENT, DeliveryState.UNKNOWN})
_DID_NOT_ARRIVE = frozenset(
    {
        DeliveryState.PENDING,  # waiting to be sent again
        DeliveryState.SENT,
        DeliveryState.UNDELIVERED,
        DeliveryState.FAILED,
        DeliveryState.EXPIRED,
    }
)
_STATES = {
    AlarmKind.COUNTRY_RATE: _DID_NOT_ARRIVE,
    AlarmKind.SENDER_RATE: _DID_NOT_ARRIVE,
    AlarmKind.OUTBOX_OLD: _WAITS,
    AlarmKind.UNKNOWN_OLD: frozenset({DeliveryState.UNKNOWN}),
    AlarmKind.SENDER_HELD: _WAITS,
    AlarmKind.RECEIPTS_SILENT: _IS_SILENT,
    AlarmKind.SIGNATURES_REFUSED: _IS_SILENT,
    AlarmKind.LOOK_UPS_DOUBTFUL: frozenset({DeliveryState.UNKNOWN}),
    AlarmKind.NO_WORKER: _WAITS | _IS_SILENT,
    # Codes are no deliveries.
    AlarmKind.CODES_HALF_SPENT: frozenset(),
    AlarmKind.CODES_SPENT: frozenset(),
}


def of_text(state: DeliveryState, country: str) -> list[OpenAlarm]:
    """Return the open alarms that may explain why a text to this country is in this state.

    Where there is one about its country, the one about all countries is left out.
    """
    found = [
        alarm
        for alarm in alarms.open_alarms()
        if state in _STATES[alarm.kind] and (alarm.country is None or alarm.country == country)
    ]
    of_country = any(alarm.kind is AlarmKind.COUNTRY_RATE for alarm in found)
    return [alarm for alarm in found if not (of_country and alarm.kind is AlarmKind.SENDER_RATE)]
