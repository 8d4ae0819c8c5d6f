"""How calls end that nobody took, as `twilio_codes` has what becomes of texts.

Twilio says it in a word and, for a call that failed, in a code of SIP's; a busy line is told with
486 or with 487, so the word decides (`calls.py`), and each has the code here that fits it.
Source: RFC 3261, section 21; RFC 8688 for 608.
"""

_AGAIN = "Wait: they are called again by themselves."
_ANOTHER_WAY = "Reach the person another way."
_NUMBER = "Ask the person for the right number."

NOT_PUT_THROUGH, NOBODY_ANSWERED, BUSY, ENDED_BY_US = 408, 480, 486, 487

TRANSIENT: dict[int, tuple[str, str]] = {
    NOT_PUT_THROUGH: ("The call could not be put through.", _AGAIN),
    NOBODY_ANSWERED: ("Nobody answered the call.", _AGAIN),
    BUSY: ("The line was busy.", _AGAIN),
}

PERMANENT: dict[int, tuple[str, str]] = {
    404: ("There is no phone with this number.", _NUMBER),
    410: ("The number is no longer anybody's.", _NUMBER),
    484: ("The number is not a whole one.", _NUMBER),
    ENDED_BY_US: ("The call was ended before anybody answered.", _ANOTHER_WAY),
    603: ("The call was declined on the phone.", _ANOTHER_WAY),
    607: ("The person wants no calls from our number.", _ANOTHER_WAY),
}

CONFIGURATION: dict[int, tuple[str, str]] = {
    608: (
        "A service that filters calls took ours for unwanted.",
        "Register the number that we call from in the Twilio Console under Trust Hub.",
    ),
}

# Whatever ended a call, another channel may reach the same person.
ELSEWHERE = frozenset({*TRANSIENT, *PERMANENT, *CONFIGURATION})
