"""Whether an incident would wake somebody."""

from collections.abc import Iterator

from smsapp.doctor.findings import Finding, fault, ok, warning
from smsapp.escalation_policy import EVERYBODY, NEXT, ON_CALL
from smsapp.extensions import database_now, reading
from smsapp.oncall import escalation, people

ABOUT = "On call"


def check_on_call() -> Iterator[Finding]:
    """Whether there is somebody, and whether each step of the policy reaches anybody."""
    with reading() as conn:
        now = database_now(conn)
        in_it, duty = people.all_in(conn), escalation.duty(conn)
    if not in_it:
        yield ok(ABOUT, "nobody was put in: incidents are refused")
        return
    on_call = duty.people.get(duty.rota.on_call(now) or 0)
    if on_call is None:
        yield fault(
            ABOUT,
            "Nobody who may be paged is on call now.",
            "Fill the rota: flask oncall hand-over NAME monday 09:00.",
        )
    else:
        yield ok(ABOUT, f"{on_call.name}; {len(duty.people)} can be paged")
    for row in in_it:
        if not row.verified_at:
            yield warning(
                ABOUT,
                f"Nobody pages {row.name}: their number is not proved.",
                f"flask oncall verify {row.name!r}",
            )
        elif row.opted_out:
            yield fault(
                ABOUT,
                f"No page reaches {row.name}, who has stopped all texts.",
                "Let somebody else be on call, or ask them to text START to our number.",
            )
    yield from _steps(duty)


def _steps(duty: escalation.Duty) -> Iterator[Finding]:
    names = {row.name for row in duty.people.values()}
    pages = duty.policy.all_pages
    for whom in sorted({page.whom for page in pages} - {ON_CALL, NEXT, EVERYBODY} - names):
        yield fault(
            ABOUT,
            f"ONCALL_POLICY names “{whom}”, whom nobody may page: the step is passed over.",
            "Put them in and verify them, or change the file.",
        )
    if any(escalation.channel(page) != page.by for page in pages):
        yield warning(
            ABOUT,
            "ONCALL_POLICY has steps by call, and no calls are set up: they go by text.",
            "Set calls up, or let the file say sms.",
        )
