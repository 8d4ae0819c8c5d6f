"""Twilio's error codes about calls and webhooks, as `twilio_codes` has those about texts.

Those of 212xx come with the answer to a call of the API, all others in Twilio's debugger alone.
"""

_WEBHOOK = "See that PUBLIC_BASE_URL and the webhooks in the Twilio Console lead to this app."
_CERTIFICATE = "Renew or correct the certificate that stands before this app."
_ANSWER = "Report it to the developers with the time: our answer to Twilio was wrong."
_ANOTHER_WAY = "Reach the person another way."
_GEO = "Allow the country in the Twilio Console under Voice Geographic Permissions."

TRANSIENT: dict[int, tuple[str, str]] = {
    10004: (
        "Too many of our calls were going on at once.",
        "Wait: it is tried again by itself.",
    ),
}

PERMANENT: dict[int, tuple[str, str]] = {
    13223: ("The number to be connected is not written as a phone number.", _ANSWER),
    13224: ("Twilio cannot call the number to be connected.", _ANOTHER_WAY),
    13225: ("Twilio itself blocks calls to the number to be connected.", _ANOTHER_WAY),
    14107: (
        "Twilio stopped our automatic answers to a number, because too many went to and fro.",
        "See whether an answering machine is at the other end.",
    ),
    21201: ("The request named nobody to call.", _ANSWER),
    21213: ("The request named no number to call from.", _ANSWER),
    21214: ("Twilio cannot reach the number by a call.", _ANOTHER_WAY),
    21216: ("Twilio itself blocks calls to the number.", _ANOTHER_WAY),
    21217: ("The number to call is not a valid one.", "Ask the person for the right number."),
    21220: ("The call was over before it could be changed.", "Nothing needs to be done."),
    32014: ("The call ended because no sound came through.", "Call again if it still matters."),
    32203: ("Twilio itself blocks the call.", _ANOTHER_WAY),
}

CONFIGURATION: dict[int, tuple[str, str]] = {
    11100: ("An address in our answer to Twilio was not a whole one.", _ANSWER),
    11200: ("Twilio asked this app by a webhook and got no good answer.", _WEBHOOK),
    11205: ("Twilio could not connect to this app.", _WEBHOOK),
    11206: ("What answered Twilio in this app's place did not speak HTTP.", _WEBHOOK),
    11210: ("Twilio cannot find the host of a webhook.", _WEBHOOK),
    11215: ("A webhook redirected Twilio too often.", _WEBHOOK),
    11220: ("Twilio and this app could not agree on encryption.", _CERTIFICATE),
    11235: ("The certificate is for another host name.", _CERTIFICATE),
    11236: ("The certificate has expired.", _CERTIFICATE),
    11237: ("The certificate comes without the chain that proves it.", _CERTIFICATE),
    11750: ("Our answer to Twilio was too large.", _ANSWER),
    11770: ("Our answer to Twilio was empty.", _ANSWER),
    12100: ("Our answer to Twilio was not well-formed XML.", _ANSWER),
    12200: ("Our answer to Twilio had something in it that Twilio does not know.", _ANSWER),
    12300: ("Our answer to Twilio did not say that it is XML.", _ANSWER),
    13210: ("The method in our answer to Twilio was not a known one.", _ANSWER),
    13214: ("The number that a connected call shows is not ours.", "Correct the caller ID."),
    13227: ("Our account may not call the country of the number to be connected.", _GEO),
    13511: ("Our answer to Twilio asked for a language that does not exist.", _ANSWER),
    13520: ("Our answer to Twilio had words that cannot be spoken.", _ANSWER),
    15003: ("Our answer to the news of a call was not what Twilio expects.", _ANSWER),
    21205: (
        "The address that Twilio is to ask about a call is not a valid one.",
        "Correct PUBLIC_BASE_URL.",
    ),
    21210: (
        "The number that we call from is neither ours nor verified.",
        "Choose a number in the settings that the Twilio account owns.",
    ),
    21215: ("Our account may not call the person's country.", _GEO),
    21219: (
        "Our Twilio account is a trial, and a trial may call verified numbers only.",
        "Upgrade the account, or add the number under Verified Caller IDs in the Twilio Console.",
    ),
    21234: ("What we asked for about answering machines is not possible.", _ANSWER),
    21262: ("Nobody is told what an answering machine was taken for.", _ANSWER),
    21263: ("What we asked for about answering machines is not possible.", _ANSWER),
    32009: (
        "The phone to be connected is not registered at its SIP domain.",
        "Register the phone, or take it out of the settings.",
    ),
    32017: (
        "A carrier blocked the call for the number that it came from.",
        "Register the number in the Twilio Console under Trust Hub.",
    ),
    32205: ("Our account may not call the person's country.", _GEO),
}
