"""All checks, one after the other; each finding is there as soon as it is made."""

import logging
from collections.abc import Callable, Iterable, Iterator

from smsapp.doctor import at_twilio, calls, data, here, mail, on_call
from smsapp.doctor.findings import Finding, Mark, fault, warning

log = logging.getLogger(__name__)

Check = Callable[[], Iterable[Finding]]

ALONE: tuple[Check, ...] = (here.check_settings, here.check_words, here.check_files)
WITH_DATABASE: tuple[Check, ...] = (
    data.check_migrations,
    data.check_writing,
    data.check_numbers,
    data.check_clock,
    data.check_worker,
    data.check_keys,
    data.check_verify,
    on_call.check_on_call,
)
ON_THE_NETWORK: tuple[Check, ...] = (
    here.check_redis,
    here.check_public_url,
    at_twilio.check_twilio,
    calls.check_calls,
    mail.check_mail,
)


def examine() -> Iterator[Finding]:
    """Yield what every check finds; one that breaks off does not keep the others."""
    for check in ALONE:
        yield from _findings(check)
    database = list(_findings(data.check_database))
    yield from database
    if any(finding.mark is not Mark.FAULT for finding in database):
        for check in WITH_DATABASE:
            yield from _findings(check)
    else:
        yield warning(
            data.ABOUT, "Migrations, worker and API keys could not be looked at.", "Mend it first."
        )
    for check in ON_THE_NETWORK:
        yield from _findings(check)


def _findings(check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:
        log.exception("check broke off", extra={"kind": check.__name__})
        yield fault(
            check.__name__.removeprefix("check_").replace("_", " ").capitalize(),
            f"This check broke off ({type(error).__name__}).",
            "Mend the other faults first; then look at the log line.",
        )
