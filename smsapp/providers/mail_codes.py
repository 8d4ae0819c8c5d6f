"""What mail servers reply when they do not take a mail, as `twilio_codes` has Twilio's codes.

Source: RFC 5321, section 4.2.2; RFC 4954, section 6; RFC 7504. Servers are free with them: of one
that stands here for nothing, its first digit says whether to try again.
"""

_WAIT = "Wait: it is tried again by itself."
_ADDRESS = "Ask the customer for another address, or reach them another way."
_DEVELOPERS = "Report it to the developers with the time: our mail server's log has its words."
_LOG = "See in our mail server's log which rule it names, and have that mended."
_SIGN_IN = "Check MAIL_URL: user, password, and whether the mail server wants another way in."

TRANSIENT: dict[int, tuple[str, str]] = {
    421: ("Our mail server was not taking mails at that moment.", _WAIT),
    432: ("Our mail server could not let us in at that moment.", _WAIT),
    450: ("The mailbox was busy, or its server takes nobody's mail the first time.", _WAIT),
    451: ("The mail server had a fault of its own, or takes nobody's mail the first time.", _WAIT),
    452: ("The mail server, or the mailbox, had no room left.", _WAIT),
    454: ("Our mail server could not let us in at that moment.", _WAIT),
    455: ("The mail server could not take the mail as it was offered at that moment.", _WAIT),
}

PERMANENT: dict[int, tuple[str, str]] = {
    500: ("The mail server did not understand us.", _DEVELOPERS),
    501: ("The mail server did not understand us.", _DEVELOPERS),
    502: ("The mail server did not understand us.", _DEVELOPERS),
    503: ("The mail server did not understand us.", _DEVELOPERS),
    504: ("The mail server did not understand us.", _DEVELOPERS),
    521: ("What stands after the @ of the address takes no mail.", _ADDRESS),
    550: ("There is no such mailbox, or its server takes no mail from us.", _ADDRESS),
    551: ("The mailbox has moved away.", _ADDRESS),
    552: ("The mailbox is full.", _ADDRESS),
    553: ("The address is not one that the mail server takes.", _ADDRESS),
    554: ("The mail was refused, perhaps for spam or for where it came from.", _LOG),
    555: ("The mail server did not take the address as it was offered.", _DEVELOPERS),
    556: ("What stands after the @ of the address takes no mail.", _ADDRESS),
}

# Whatever is refused before anybody was named is about us, and is told as 530.
OURS = 530
CONFIGURATION: dict[int, tuple[str, str]] = {
    OURS: ("Our mail server takes no mail from us, or not from the address in MAIL_FROM.", _LOG),
    534: ("Our mail server does not let us in this way.", _SIGN_IN),
    535: ("Our mail server did not accept our user and password.", _SIGN_IN),
    538: ("Our mail server lets nobody in without encryption.", _SIGN_IN),
}

HOLDS_SENDER = frozenset(CONFIGURATION)
# Nobody knows whether it is this mail or all of ours.
SUSPECTS_SENDER = frozenset({554})

# By the first digit, of replies that are not listed: cause and next step.
UNLISTED = {
    4: ("The mail server did not take the mail at that moment.", _WAIT),
    5: ("The mail server refused the mail for a reason that is not in our list.", _LOG),
}

# Seconds before it is offered again: who lets strangers wait lets them wait for minutes.
AGAIN_AFTER = {450: 300.0, 451: 300.0, 452: 300.0}
