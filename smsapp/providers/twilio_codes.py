"""Twilio's error codes in plain words, grouped by what follows from them.

Each is two sentences for a support person, the cause and what to do now; they are shown as they
are, so they say nothing about one customer. `twilio_errors.meaning` reads them.

Source: Twilio's error dictionary (https://www.twilio.com/docs/api/errors) and its documentation
of Messages, as of November 2026. Codes of 20xxx and 21xxx come with the answer to the call, and
then no message exists (but for UNKNOWN); those of 30xxx come later, with a receipt; those of
63xxx are about WhatsApp and other channels. `voice_codes`, `whatsapp_codes` and `verify_codes` have
the others; a code of theirs is as good as one of these. So are the replies of `mail_codes`, which
have three digits, and those of `sip_codes`.
"""

from smsapp.providers import mail_codes, sip_codes, whatsapp_codes

_WAIT = "Wait: it is tried again by itself."
_ASK_TWILIO = "Wait: Twilio is asked for the text before anything is sent again."
_MOBILE = "Ask the customer for a mobile number."

# Not sent; the same text may go through later.
TRANSIENT: dict[int, tuple[str, str]] = {
    20429: (
        "Twilio was handling too many of our requests at once and did not process this one.",
        _WAIT,
    ),
    21611: ("Too many texts are already waiting to leave from our number.", _WAIT),
    30001: ("Too many texts were waiting to leave, and this one was dropped.", _WAIT),
    30003: (
        "The recipient's phone is switched off, out of reach or cannot receive texts.",
        "Wait for the later try, and ask the customer to check their phone if that fails too.",
    ),
    30008: (
        "The carrier could not deliver the text and did not say why.",
        "Wait for the later try, and reach the customer another way if that fails too.",
    ),
    30009: ("A part of the text got lost on the way.", "Wait for the later try."),
    30022: (
        "We sent texts faster than the carriers of the United States allow for our registration.",
        "Wait: it is tried again by itself, and if it happens often have the sending rate lowered.",
    ),
    30017: (
        "The carrier's network was overloaded and did not take the text.",
        "Wait for the later try.",
    ),
    30410: ("The carrier did not answer Twilio in time.", "Wait for the later try."),
    30500: (
        "Twilio had an internal fault after it had taken the text, which did not leave.",
        "Wait for the later try, and see Twilio's status page if it happens often.",
    ),
}

# Not sent; trying again would fail the same way.
PERMANENT: dict[int, tuple[str, str]] = {
    21211: (
        "The recipient's phone number is not a valid one.",
        "Ask the customer for the right number.",
    ),
    21602: (
        "The text was empty.",
        "Report it to the developers: an empty text should never have left.",
    ),
    21604: (
        "The request named no recipient.",
        "Report it to the developers: a text without a recipient should never have left.",
    ),
    21614: ("The recipient's number is not a mobile number.", _MOBILE),
    21617: (
        "The text was longer than Twilio accepts.",
        "Report it to the developers: the text has to be shorter.",
    ),
    30005: (
        "The recipient's number does not exist or is no longer in use.",
        "Ask the customer for their current number.",
    ),
    30006: (
        "The recipient's number is a landline or belongs to a carrier that cannot be reached.",
        _MOBILE,
    ),
    30007: (
        "A spam filter at Twilio or the carrier held the text back.",
        "Have the wording and any link in the text reviewed, because the same text would be"
        " held back again.",
    ),
    30010: (
        "The text would have cost more than the limit set for it.",
        "Report it to the developers: we set no such limit.",
    ),
    30036: (
        "The text waited too long to leave and expired.",
        "Send it again only if it is still useful to the customer.",
    ),
    30450: (
        "Twilio blocked the text because traffic to numbers like this one looked like fraud.",
        "Wait some hours before you send again, and review SMS Pumping Protection in the Twilio"
        " Console if customers are blocked by mistake.",
    ),
}

# The recipient's number must get no more texts. A 30004 may also be a block that the customer
# knows nothing of; nobody can tell the two apart, and texting after a STOP is the worse mistake.
OPT_OUT: dict[int, tuple[str, str]] = {
    21610: (
        "The recipient replied STOP to our number, so no text may reach them.",
        "Respect it: only the customer can undo it, by texting START to our number.",
    ),
    30004: (
        "The text was blocked on the recipient's side: they may have replied STOP, or have"
        " texts like ours blocked by their carrier.",
        "Send no more texts to this number unless the customer says that they want them, and"
        " have them ask their carrier about a block.",
    ),
}

_OUR_NUMBER = (
    "Choose a number in the settings that the Twilio account owns and that can send texts."
)

# Not sent; a setting, here or in the Twilio Console, has to change first.
CONFIGURATION: dict[int, tuple[str, str]] = {
    20003: (
        "Twilio did not accept our credentials, or the Twilio account is not active.",
        "Check the account SID and the auth token or API key, and the account's state in the"
        " Twilio Console.",
    ),
    20404: (
        "Twilio does not know our account, or what we asked it about.",
        "Check the account SID in the settings, and that Twilio's address is its own.",
    ),
    20005: (
        "Our Twilio account is not active.",
        "Open the Twilio Console: it says why the account is suspended or closed.",
    ),
    20008: (
        "Our credentials are test credentials, which cannot send texts.",
        "Put the live account SID and auth token, or an API key, into the settings.",
    ),
    21212: (
        "The number or name that we send from is not a valid sender.",
        "Correct the sender number in the settings.",
    ),
    21408: (
        "Our Twilio account is not allowed to text the recipient's country.",
        "Allow the country in the Twilio Console under Messaging Geographic Permissions, then"
        " send again.",
    ),
    21606: (
        "The number that we send from is not ours, or cannot send texts to this country.",
        "Choose a number in the settings that the Twilio account owns and that can text there.",
    ),
    21609: (
        "The address that receipts are to be sent to is not a valid one.",
        "Correct PUBLIC_BASE_URL.",
    ),
    21603: (
        "The request named nothing to send from.",
        "Set TWILIO_FROM_NUMBER or TWILIO_MESSAGING_SERVICE_SID.",
    ),
    21607: ("The number that we send from cannot be used for texts.", _OUR_NUMBER),
    21608: (
        "Our Twilio account is a trial, and a trial may text verified numbers only.",
        "Upgrade the account, or add the number under Verified Caller IDs in the Twilio Console.",
    ),
    21612: (
        "Texts cannot get from our number to this recipient's number.",
        "Reach the customer another way, or send from a different kind of number.",
    ),
    21659: ("The number that we send from is not one of Twilio's.", _OUR_NUMBER),
    21660: ("The number that we send from belongs to another Twilio account.", _OUR_NUMBER),
    21661: ("The number that we send from cannot send texts.", _OUR_NUMBER),
    21701: (
        "The Messaging Service in the settings does not exist.",
        "Correct TWILIO_MESSAGING_SERVICE_SID: the Twilio Console lists the account's services.",
    ),
    21703: (
        "The Messaging Service has no number that could send this text.",
        "Add a number to its sender pool in the Twilio Console.",
    ),
    21704: (
        "The Messaging Service has no numbers at all.",
        "Add a number to its sender pool in the Twilio Console.",
    ),
    21705: (
        "The Messaging Service in the settings cannot be used.",
        "See in the Twilio Console what is wrong with it, or set another one.",
    ),
    30002: (
        "Twilio suspended our account before the text left.",
        "Open the Twilio Console and contact Twilio's support about the suspension.",
    ),
    30023: (
        "We used up what the recipient's carrier lets us send in one day.",
        "Send again after midnight Pacific time, or ask Twilio to raise the daily limit of the"
        " A2P 10DLC registration.",
    ),
    30032: (
        "Our toll-free number has not been verified, so carriers do not take texts from it.",
        "Have it verified in the Twilio Console under Toll-Free Verification.",
    ),
    30034: (
        "Our number is not registered for business texts in the United States.",
        "Complete the A2P 10DLC registration in the Twilio Console and add the number to its"
        " campaign.",
    ),
    63038: (
        "Our account has sent as many messages as it may within a day.",
        "Wait: one text an hour tries whether the day has passed; or ask Twilio to raise the"
        " account's daily limit.",
    ),
}

# Nobody can say whether it was sent.
UNKNOWN: dict[int, tuple[str, str]] = {
    20500: ("Twilio had an internal fault, so it may or may not have sent the text.", _ASK_TWILIO),
    20503: (
        "Twilio was unavailable for a moment, so it may or may not have sent the text.",
        _ASK_TWILIO,
    ),
}

# The operator's faults, all CONFIGURATION: nothing at all leaves until they are mended. 63038 is
# an HTTP 429, yet trying again soon is useless: the account's window is a day.
HOLDS_SENDER = frozenset(
    {20003, 20005, 20008, 20404, 21205, 21210, 21212, 21603, 21607, 21609, 21659, 21660, 21661}
    | {21701, 21704, 21705, 30002, 63038}
    | whatsapp_codes.HOLDS_SENDER
    | mail_codes.HOLDS_SENDER
)
DAILY_LIMIT = 63038
# About where a message goes: all others leave.
HOLDS_COUNTRY = frozenset({21215, 21408, 21606, 21612, 21703})

# About the phone, the way to it or the channel: another channel may reach the same person.
ELSEWHERE = frozenset(
    {
        21211,
        21214,
        21215,
        21216,
        21217,
        21408,
        21612,
        21614,
        21703,
        30003,
        30005,
        30006,
        30007,
        30008,
        30034,
        30036,
    }
    | {63003, 63016, 63024, 63027, 63028, 63032, 63041, 63042, 63049}
    | sip_codes.ELSEWHERE
)

# Too fast: for our account, for our registration, for the channel, for the queue of our number.
SLOWS_SENDER = frozenset({10004, 20429, 21611, 30001, 30022, 63017, 63018})
