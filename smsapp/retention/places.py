"""Where appointments are, which goes with the words of the texts that said so."""

import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import update

from smsapp.models import AppointmentEvent


def forget(delivery_ids: Collection[uuid.UUID]) -> Any:
    """Return the statement that forgets the places which these deliveries' events named."""
    theirs = AppointmentEvent.delivery_id.in_(delivery_ids)
    return update(AppointmentEvent).where(theirs).values(place=None)
