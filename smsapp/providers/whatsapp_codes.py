"""Twilio's error codes about WhatsApp and other channels, as `twilio_codes` has those of texts."""

_WAIT = "Wait for the later try."
_ANOTHER_WAY = "Send a text instead, or reach the customer another way."
_WORDING = "Have the wording reviewed, because the same message would be refused again."
_DEVELOPERS = "Report it to the developers with the message SID."
_SENDER = "See what the Twilio Console says about the WhatsApp sender."
_TEMPLATE = "See in the Twilio Console how the template stands, and use another one meanwhile."

TRANSIENT: dict[int, tuple[str, str]] = {
    63009: ("WhatsApp had an internal fault.", _WAIT),
    63010: ("Twilio had an internal fault while it handled the message.", _WAIT),
    63011: ("Twilio had trouble with the message.", _WAIT),
    63012: ("WhatsApp had an internal fault.", _WAIT),
    63017: (
        "Our account sent messages faster than Twilio allows.",
        "Wait: it is tried again by itself.",
    ),
    63018: (
        "We sent messages on this channel faster than it allows.",
        "Wait: it is tried again by itself.",
    ),
    63029: ("The recipient's phone could not load the template.", _WAIT),
    63037: ("The attached file could not be handed to the channel.", _WAIT),
}

PERMANENT: dict[int, tuple[str, str]] = {
    21655: ("The message template that was named is not a valid one.", _DEVELOPERS),
    21656: ("The values for the message template are not valid.", _DEVELOPERS),
    21910: ("Sender and recipient were not on the same channel.", _DEVELOPERS),
    63003: ("The recipient is not on this channel.", _ANOTHER_WAY),
    63005: ("The channel did not accept the message's content.", _WORDING),
    63006: ("The message could not be put into the channel's form.", _DEVELOPERS),
    63013: ("The message broke a rule of the channel.", _WORDING),
    63016: (
        "WhatsApp takes free text only within a day of the customer's last message.",
        "Send an approved WhatsApp template instead.",
    ),
    63019: (
        "The attached file could not be fetched.",
        "See that its address can be reached from outside.",
    ),
    63021: ("The channel found the message's content invalid.", _WORDING),
    63024: (
        "The recipient cannot be reached on WhatsApp.",
        "Send a text instead, or ask the customer for their WhatsApp number.",
    ),
    63025: ("The attached file was already uploaded to WhatsApp.", _DEVELOPERS),
    63026: ("The channel took the message for spam.", _WORDING),
    63028: ("The message template wants another number of values than it got.", _DEVELOPERS),
    63030: ("The message had something that this kind of message cannot have.", _DEVELOPERS),
    63031: ("The message was to the number that it came from.", _DEVELOPERS),
    63032: ("WhatsApp does not deliver this kind of message to this person.", _ANOTHER_WAY),
    63034: ("The attached file is too large.", "Send a smaller file."),
    63036: ("The recipient cannot be reached by RCS at this time.", _ANOTHER_WAY),
    63049: (
        "Meta chose not to deliver this advertising to this person.",
        "Do not send it again within a day, or reach them another way.",
    ),
    92005: ("Values were given for a message template, and no template.", _DEVELOPERS),
}

# As with a text that was blocked: nobody can tell a block from a wish to be left alone.
OPT_OUT: dict[int, tuple[str, str]] = {
    63014: (
        "The recipient blocked our messages or opted out of them.",
        "Send no more messages to this number unless the customer says that they want them.",
    ),
    63033: (
        "The recipient has blocked us.",
        "Send no more messages to this number unless the customer says that they want them.",
    ),
}

CONFIGURATION: dict[int, tuple[str, str]] = {
    63001: ("The channel did not accept our credentials.", _SENDER),
    63002: ("The channel does not know the sender that we use.", _SENDER),
    63007: ("Twilio knows no sender on this channel with our address.", _SENDER),
    63008: ("The channel is not set up correctly at Twilio.", _SENDER),
    63015: (
        "Twilio's WhatsApp sandbox writes only to numbers that have joined it.",
        "Have the number join, or use a WhatsApp sender of our own.",
    ),
    63020: ("Something is wrong with our account in Meta's Business Manager.", _SENDER),
    63022: ("The certificate of our WhatsApp name is not valid.", _SENDER),
    63027: ("The message template does not exist in this language.", _TEMPLATE),
    63040: ("WhatsApp did not take the message template in.", _TEMPLATE),
    63041: ("WhatsApp has paused the message template.", _TEMPLATE),
    63042: ("WhatsApp has disabled the message template.", _TEMPLATE),
    63043: ("The sample file of the message template could not be fetched.", _TEMPLATE),
    63044: ("The sample file of the message template could not be fetched.", _TEMPLATE),
    63045: ("The sample file of the message template could not be fetched.", _TEMPLATE),
    63047: ("The sample file of the message template is of a kind not allowed.", _TEMPLATE),
    63051: ("Our WhatsApp account is locked.", _SENDER),
    63062: (
        "Meta's terms for advertising on WhatsApp have not been accepted.",
        "Accept them in Meta's Business Manager.",
    ),
}

# What would be taken as an approved template: the window has closed on the way.
BY_TEMPLATE = frozenset({63016})

HOLDS_SENDER = frozenset({63001, 63002, 63007, 63008, 63020, 63022, 63051})
