"""Who asks for codes and enters them: a session of the pages on some network, or an API key."""

import hmac
from dataclasses import dataclass
from typing import Any

from smsapp.extensions import settings


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody as `verification` keeps them: keyed hashes, for counting what each of them does.

    Attributes:
        session: Of the session's id, or of the API key's.
        network: Of the network; None for an API key, whose service knows its own customers.
    """

    session: str
    network: str | None

    @property
    def is_service(self) -> bool:
        """Whether it is an API key."""
        return self.network is None

    def asked(self, row: Any) -> bool:
        """Whether a row of `verification` is of this session, or of another on its network."""
        here = self.network is not None and row.network == self.network
        return bool(here or row.session == self.session)


def visitor(session_id: str, network: str) -> Asker:
    """Return who visits the pages."""
    return Asker(_hash(f"session {session_id}"), _hash(f"network {network}"))


def service(api_key_id: int) -> Asker:
    """Return who shows an API key."""
    return Asker(_hash(f"api key {api_key_id}"), None)


def _hash(text: str) -> str:
    """Return 128 bits of an HMAC: there are few enough networks to try them all otherwise."""
    key = settings().secret_key.get_secret_value().encode()
    return hmac.digest(key, b"asker " + text.encode(), "sha256").hex()[:32]
