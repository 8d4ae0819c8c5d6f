"""A mail as it is sent: plain text, the same as HTML in the shop's look, and its headers.

Nothing in it is fetched when it is read, so nobody is told that it was.
"""

import html
import re
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from string import Template

from smsapp.languages import Language
from smsapp.mail_address import Mailbox

_LINK = re.compile(r"https?://[^\s<>\"]+")

# As static/app.css has it, in each element: mail programs read no style sheet.
_BODY = "margin:0;padding:24px;background:#f5f4ef;color:#16211e;font:18px/1.55 system-ui,sans-serif"
_CARD = "max-width:560px;margin:0 auto;padding:28px;background:#ffffff;border-radius:12px"
_PAGE = Template(
    f"""\
<!doctype html>
<html lang="$code">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title></head>
<body style="{_BODY}">
<div style="{_CARD}">
$shop<p style="margin:0 0 20px;white-space:pre-line;overflow-wrap:anywhere">$body</p>
$rest</div>
</body>
</html>
"""
)
_SHOP = '<p style="margin:0 0 20px;color:#0b6b58;font-weight:700">{}</p>\n'
_QUIET = '<p style="margin:0 0 8px;color:#55615d;font-size:15px">{}</p>\n'
_ANCHOR = '<a href="{0}" style="color:#0b6b58">{1}</a>'


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail is made of.

    Attributes:
        message_id: What stands in it before the @; the same for a mail that is sent once more.
        to: An address (mail_address.parse).
        subject: One line.
        body: Its words.
        language: That of its words.
        why: Why it comes by e-mail; "" for no reason.
        unsubscribe: Where to say that no more are wanted; "" for nowhere.
    """

    message_id: str
    to: str
    subject: str
    body: str
    language: Language
    why: str = ""
    unsubscribe: str = ""


def why(language: Language, digits: str) -> str:
    """Return why somebody gets a mail in place of a text, to the number that ends like this."""
    _ = language.gettext
    return _(
        "We could not reach your phone ending %(digits)s, so here it is by e-mail.", digits=digits
    )


def compose(letter: Letter, sender: Mailbox, shop: str, at: datetime) -> str:
    """Return a whole mail, headers and body, in ASCII.

    Raises:
        ValueError: What only we write is not one line of ASCII.
    """
    subject = " ".join(letter.subject.split())
    mail = EmailMessage(policy=SMTP)
    mail["From"] = str(sender)
    mail["Subject"] = subject
    mail["Date"] = at
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_text(letter), cte="quoted-printable")
    mail.add_alternative(_html(letter, subject, shop), subtype="html", cte="quoted-printable")
    # What is long and has no space in it: the policy would write that as encoded words, in which
    # no mail program looks for an address or a link.
    whole = {"To": letter.to, "Message-ID": f"<{letter.message_id}@{sender.domain}>"}
    if letter.unsubscribe:
        whole["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
        whole["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    for value in whole.values():
        if not (value.isascii() and value.isprintable()):
            raise ValueError("a header that is not one line of ASCII")
    lines = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
    return lines + mail.as_bytes().decode("ascii")


def _text(letter: Letter) -> str:
    parts = [letter.body, letter.why]
    if letter.unsubscribe:
        parts.append(f"-- \n{_no_more(letter)}: {letter.unsubscribe}")
    return "\n\n".join(filter(None, parts))


def _html(letter: Letter, title: str, shop: str) -> str:
    words = letter.body.removeprefix(f"{shop}: ")  # who writes stands above them
    rest = [html.escape(letter.why)] if letter.why else []
    if letter.unsubscribe:
        rest.append(_ANCHOR.format(html.escape(letter.unsubscribe), html.escape(_no_more(letter))))
    return _PAGE.substitute(
        code=letter.language.code,
        title=html.escape(title),
        shop=_SHOP.format(html.escape(shop)) if shop else "",
        body=_LINK.sub(lambda link: _ANCHOR.format(link[0], link[0]), html.escape(words)),
        rest="".join(map(_QUIET.format, rest)),
    )


def _no_more(letter: Letter) -> str:
    _ = letter.language.gettext
    return _("No more e-mails like this")
