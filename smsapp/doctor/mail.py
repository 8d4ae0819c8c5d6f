"""The check of the mail server: is it there, is it the one it says, does it let us in?"""

from collections.abc import Iterator

from smsapp.doctor.findings import Finding, fault, ok
from smsapp.doctor.here import OUT_OF_REACH, SECONDS
from smsapp.extensions import settings
from smsapp.providers import smtp
from smsapp.providers.outcomes import Refused
from smsapp.providers.twilio_errors import meaning

ABOUT = "Mail"


def check_mail() -> Iterator[Finding]:
    """Whether the mail server of the settings takes mails from us."""
    config = settings()
    if config.mail_server is None or config.mail_from is None:
        yield ok(ABOUT, "not set up: where no text reaches somebody, nothing is sent in its place")
        return
    server = config.mail_server
    failure = smtp.check(server, config.mail_from.domain, SECONDS)
    if isinstance(failure, Refused):
        refused = meaning(failure.code)
        yield fault(ABOUT, f"{refused.cause} ({failure.code})", refused.next_step)
    elif failure:
        trouble = OUT_OF_REACH.get(failure.reason, OUT_OF_REACH["connect"])
        yield fault(
            ABOUT,
            f"{server.host}, port {server.port}: {trouble}.",
            "Check MAIL_URL and the firewall: mails wait, until they are too old to matter.",
        )
    else:
        safely = "over TLS" if server.tls or server.starttls else "on this machine"
        signed_in = ", and lets us in" if server.user else ""
        yield ok(ABOUT, f"{server.host} takes mails {safely}{signed_in}")
