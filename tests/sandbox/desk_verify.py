"""What the tests of Verify do with the SDK."""

import pytest
from twilio.base.exceptions import TwilioRestException

CUSTOMER = "+15558675310"


def start(verify, to=CUSTOMER, channel="sms", **more):
    return verify.verifications.create(to=to, channel=channel, **more)


def check(verify, sandbox, code=None):
    """Check the newest verification, with the right code or another."""
    newest = sandbox.codes()[0]
    return verify.verification_checks.create(
        verification_sid=newest["sid"], code=code or newest["code"]
    )


def cancel(verify, sid):
    return verify.verifications(sid).update(status="canceled")


def refused(call, *args, **more):
    with pytest.raises(TwilioRestException) as raised:
        call(*args, **more)
    return raised.value.status, raised.value.code


def code_of(sandbox):
    return sandbox.codes()[0]["code"]
