"""Why a number is not texted, in words."""

import pytest

from smsapp.models import Reason
from smsapp.recipients.refusals import REFUSALS


def test_what_a_service_is_answered_stays_as_it_is():
    assert {reason.value: refusal.message for reason, refusal in REFUSALS.items()} == {
        "opted_out": "This number has opted out of texts. Only its owner can change that.",
        "consent_withdrawn": "The owner of this number has withdrawn consent for these texts.",
        "no_consent": (
            "Nobody knows of a consent for this number. Ask the customer for theirs, or send "
            "consentAt."
        ),
        "recipient_not_allowed": (
            "This number is not in ALLOWED_RECIPIENTS, the list of this installation."
        ),
    }


def test_every_reason_not_to_text_has_words():
    failed = {Reason.REJECTED, Reason.ATTEMPTS_SPENT, Reason.NO_CHANNEL}
    other = failed | {Reason.SUPERSEDED, Reason.NOT_WANTED}
    assert set(REFUSALS) == set(Reason) - other


@pytest.mark.parametrize("reason", REFUSALS, ids=str)
def test_support_reads_whole_sentences(reason):
    refusal = REFUSALS[reason]
    assert refusal.cause.endswith(".")
    assert refusal.next_step.endswith(".")
