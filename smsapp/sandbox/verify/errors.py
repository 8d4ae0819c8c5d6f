"""The errors of Verify's that the sandbox can give, with Twilio's words."""

from collections.abc import Callable

from smsapp.sandbox.errors import TwilioError


def invalid(parameter: str, value: str = "") -> TwilioError:
    """Return 60200: a parameter that Verify cannot use."""
    return TwilioError(60200, f"Invalid parameter `{parameter}`: {value}".rstrip(": "))


def max_checks() -> TwilioError:
    """Return 60202: five checks have failed."""
    return TwilioError(60202, "Max check attempts reached", 429)


def max_sends() -> TwilioError:
    """Return 60203: the code has been sent five times."""
    return TwilioError(60203, "Max send attempts reached", 429)


def landline() -> TwilioError:
    """Return 60205: no text can arrive there."""
    return TwilioError(60205, "SMS is not supported by landline phone number", 403)


def nobody() -> TwilioError:
    """Return 60221: a check must say whose code it is."""
    return TwilioError(60221, "Either 'To' or 'VerificationSid' must be specified")


def channel_off(channel: str) -> TwilioError:
    """Return what Verify says of a channel that it has and the service does not."""
    if channel == "email":
        return TwilioError(60217, "No Mailer is associated with this Service")
    return TwilioError(60223, f"Delivery channel disabled: {channel.upper()}")


def blocked() -> TwilioError:
    """Return 60410: Fraud Guard has blocked the prefix for 12 hours."""
    return TwilioError(
        60410,
        "The destination phone number has been temporarily blocked by Twilio due to fraudulent "
        "activities",
        403,
    )


def geo_blocked() -> TwilioError:
    """Return 60605: the service may not verify numbers of that country."""
    return TwilioError(
        60605,
        "Verification delivery attempt blocked. The destination country is not enabled in Verify "
        "Geo Permissions",
        403,
    )


# Verify has no test numbers; here those of Messages keep their meaning.
TEST_NUMBERS: dict[str, Callable[[], TwilioError]] = {
    "+15005550001": lambda: invalid("To", "+15005550001"),
    "+15005550002": blocked,
    "+15005550003": geo_blocked,
    "+15005550008": max_sends,
    "+15005550009": landline,
}
