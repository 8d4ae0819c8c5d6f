"""What webhooks are signed with, as the Standard Webhooks specification says.

A secret has to be there again for each signature, so a hash of it would not do. It is at rest
nowhere, not even encrypted: an HMAC, under a key that only the settings have, of the endpoint's id
and of how often its secret was made anew. Who reads the database, or a backup of it, can sign
nothing. PHONE_KEY, which that key is made of, never changes; so the secrets stay.

Source: https://github.com/standard-webhooks/standard-webhooks, version 1.
"""

import base64
import hmac
import uuid
from datetime import datetime, timedelta

from standardwebhooks import Webhook

# How long the secrets before the last are signed with too, for callers to change theirs, and how
# many: whoever asks again, because an answer was lost or a page was loaded again, must not make the
# one that is in use worthless.
BOTH_FOR = timedelta(days=1)
MOST_BEFORE = 3


def secret(key: bytes, endpoint_id: uuid.UUID, generation: int) -> str:
    """Return a secret of an endpoint as its owner has it: "whsec_…", of 32 bytes."""
    words = f"webhook endpoint {endpoint_id.hex} {generation}"
    made = hmac.digest(key, words.encode(), "sha256")
    return f"whsec_{base64.b64encode(made).decode()}"


def in_force(
    key: bytes, endpoint_id: uuid.UUID, generation: int, rotated_at: datetime | None, now: datetime
) -> list[str]:
    """Return the secrets to sign with: the newest, and for a day those right before it."""
    is_new = rotated_at is not None and now < rotated_at + BOTH_FOR
    oldest = max(1, generation - MOST_BEFORE) if is_new else generation
    return [secret(key, endpoint_id, each) for each in range(generation, oldest - 1, -1)]


def headers(secrets: list[str], message_id: str, at: datetime, body: str) -> dict[str, str]:
    """Return the headers that a webhook is verified by; the id is the same at every try."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(message_id, at, body) for each in secrets),
    }
