"""Twilio Verify's error codes, as `twilio_codes` has those about texts."""

_SERVICE = "Correct the Verify Service in the Twilio Console."

TRANSIENT: dict[int, tuple[str, str]] = {
    60202: ("Too many wrong codes were entered.", "Ask for a new code after ten minutes."),
    60203: ("Too many codes were sent to this number.", "Wait ten minutes, then ask for another."),
    60212: ("Several codes were asked for this number at once.", "Wait a moment, then ask again."),
}

PERMANENT: dict[int, tuple[str, str]] = {
    60006: ("A carrier knows no such number.", "Ask the customer for the right number."),
    60033: ("The phone number is not a valid one.", "Ask the customer for the right number."),
    60205: ("The number is a landline, which gets no texts.", "Have the code spoken in a call."),
    60221: (
        "The request named no verification.",
        "Report it to the developers: this should never be asked.",
    ),
    60238: (
        "Twilio sends no codes to this destination.",
        "Ask the customer for another number.",
    ),
    60436: (
        "The number that a code was to go to is not a valid one.",
        "Ask the customer for the right number.",
    ),
    60410: (
        "Twilio blocked codes to numbers like this one, because they looked like fraud.",
        "Wait half a day, or review Fraud Guard in the Twilio Console.",
    ),
}

CONFIGURATION: dict[int, tuple[str, str]] = {
    60001: (
        "The Verify Service is not set up for this way of verifying.",
        _SERVICE,
    ),
    60200: (
        "Twilio Verify did not accept a value that it was given.",
        "See whether the number is right, and then the channels that the Verify Service allows.",
    ),
    60207: ("The Verify Service has more rate limits than it may have.", _SERVICE),
    60217: ("The Verify Service has no way to send e-mail.", _SERVICE),
    60223: (
        "The Verify Service has this channel switched off.",
        "Switch the channel on in the Twilio Console, under Verify and the service's settings.",
    ),
    60605: (
        "Our account may not send codes to the customer's country.",
        "Allow the country in the Twilio Console under Verify Geographic Permissions.",
    ),
}
