"""Signed as the specification says, with secrets that are nowhere."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from smsapp.webhooks import secrets

KEY, ID = b"a key", uuid.UUID(int=7)
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_the_specifications_own_example_is_signed_alike():
    """Source: the test vector of the libraries at github.com/standard-webhooks."""
    at = datetime.fromtimestamp(1614265330, UTC)
    signed = secrets.headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        at,
        '{"test": 2432232314}',
    )
    assert signed == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_endpoint_each_generation_and_each_installation_has_its_own():
    made = {
        secrets.secret(key, of, generation)
        for key in (KEY, b"another")
        for of in (ID, uuid.UUID(int=8))
        for generation in (1, 2)
    }
    assert len(made) == 8
    assert secrets.secret(KEY, ID, 1) in made


def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_the_new_one_alone():
    old, new = (secrets.secret(KEY, ID, generation) for generation in (1, 2))
    assert secrets.in_force(KEY, ID, 1, None, NOW) == [old]
    for age, good in ((timedelta(hours=23), [new, old]), (timedelta(hours=25), [new])):
        both = secrets.in_force(KEY, ID, 2, NOW - age, NOW)
        assert both == good
        headers = secrets.headers(both, "msg_1", datetime.now(UTC), "{}")
        for secret in good:
            assert Webhook(secret).verify("{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify("{}", headers)


def test_the_secret_in_use_outlives_a_rotation_that_was_asked_for_again():
    """An answer that was lost, or a page that was loaded again, rotates twice or more."""
    used, *_, newest = made = [secrets.secret(KEY, ID, generation) for generation in (1, 2, 3, 4)]
    assert secrets.in_force(KEY, ID, 4, NOW, NOW) == made[::-1]
    assert used not in secrets.in_force(KEY, ID, 5, NOW, NOW)  # a header has an end
    assert secrets.in_force(KEY, ID, 4, NOW - timedelta(hours=25), NOW) == [newest]
