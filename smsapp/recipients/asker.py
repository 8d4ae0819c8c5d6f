"""Who asks for codes and enters them: a session of the pages on some network, or services."""

import hmac
from dataclasses import dataclass
from typing import Any

from smsapp.extensions import settings


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody as `verification` keeps them: keyed hashes, for counting what each of them does.

    Attributes:
        session: Of the session's id; the same for all services.
        network: Of the network; None for services, which know their own customers.
    """

    session: str
    network: str | None

    @property
    def is_service(self) -> bool:
        """Whether it shows an API key."""
        return self.network is None

    def asked(self, row: Any) -> bool:
        """Whether a row of `verification` is of this session, or of another on its network."""
        here = self.network is not None and row.network == self.network
        return bool(here or row.session == self.session)


def visitor(session_id: str, network: str) -> Asker:
    """Return who visits the pages."""
    return Asker(_hash(f"session {session_id}"), _hash(f"network {network}"))


def service() -> Asker:
    """Return who shows an API key, whichever: a key may be rotated between code and check."""
    return Asker(_hash("services"), None)


def _hash(text: str) -> str:
    """Return 128 bits of an HMAC: there are few enough networks to try them all otherwise."""
    key = settings().secret_key.get_secret_value().encode()
    return hmac.digest(key, b"asker " + text.encode(), "sha256").hex()[:32]
