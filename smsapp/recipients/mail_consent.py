"""What customers say about e-mail: here is my address, yes it is mine, no more of these.

Their word stands in the ledger under purposes.EMAIL; their address beside the number.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select, update

from smsapp import languages
from smsapp.extensions import database_now, db, new_id, reading, settings
from smsapp.languages import Language
from smsapp.models import Channel, Consent, ConsentAction, ConsentSource, Phone, Wording
from smsapp.providers.mail import hand_over
from smsapp.providers.mail_text import Letter
from smsapp.providers.outcomes import Failure
from smsapp.recipients import customers, mail, mail_links, phones, verification
from smsapp.recipients.asker import Asker
from smsapp.recipients.customers import Visitor
from smsapp.recipients.purposes import EMAIL, purpose
from smsapp.recipients.verification import EXPIRED, Verdict


@dataclass(frozen=True, slots=True)
class MailPreference:
    """How e-mail stands with a customer.

    Attributes:
        address: Where they are written to; None for nowhere.
        is_own: Whether they gave it themselves; if not, it came from the shop.
        to_confirm: What they gave and have not confirmed yet; None for nothing.
        granted: Whether they agreed to it; None where they said neither yes nor no.
        since: When they last said so; else since when the address is known.
        words: Those they agreed to, else those to agree to.
    """

    address: str | None
    is_own: bool
    to_confirm: str | None
    granted: bool | None
    since: datetime | None
    words: str


def preference(phone_key: str, language: Language) -> MailPreference:
    """Return how e-mail stands with a customer."""
    said = (
        select(Consent.action, Consent.since, Wording.text)
        .join(Wording, Wording.hash == Consent.wording_hash)
        .where(Consent.phone_key == phone_key, Consent.purpose == EMAIL)
        .order_by(Consent.seq.desc())
        .limit(1)
    )
    with reading() as conn:
        phone = conn.execute(select(Phone.__table__).where(Phone.phone_key == phone_key)).one()
        last = conn.execute(said).one_or_none()
    granted = last.action is ConsentAction.GRANTED if last else None
    return MailPreference(
        phone.email,
        phone.email_is_own,
        phone.email_to_confirm,
        granted,
        last.since if last else phone.email_at,
        last.text if last and granted else purpose(EMAIL, language).words.text,
    )


def give(visitor: Visitor, address: str) -> Failure | None:
    """Keep an address that a customer gave until they confirm it, and mail a link for that to it.

    Return None once the mail server has that mail, else what is certain.
    """
    with db.engine.begin() as conn:
        phones.lock(conn, [visitor.phone_key])
        known = (Phone.phone_key == visitor.phone_key) & Phone.e164.is_not(None)
        conn.execute(update(Phone).where(known).values(email_to_confirm=address))
    return hand_over(_asking(visitor, address))


def give_with_code(
    visitor: Visitor, e164: str, address: str, asker: Asker, locale: str | None, paid_bits: int
) -> None:
    """Keep an address until it is confirmed, and have Twilio Verify send a code to it.

    Raises:
        SmsappError: No code was sent (verification.start); what waited before waits on.
    """
    verification.start(e164, Channel.EMAIL, asker, locale, paid_bits, address)
    with db.engine.begin() as conn:
        phones.lock(conn, [visitor.phone_key])
        known = (Phone.phone_key == visitor.phone_key) & Phone.e164.is_not(None)
        conn.execute(update(Phone).where(known).values(email_to_confirm=address))


def confirm_with_code(visitor: Visitor, e164: str, code: str, asker: Asker) -> Verdict:
    """Take the address that waits, with its owner's consent, where this is the code sent to it.

    Raises:
        SmsappError: No code was compared (verification.check).
    """
    with reading() as conn:
        waits = select(Phone.email_to_confirm).where(Phone.phone_key == visitor.phone_key)
        address: str | None = conn.execute(waits).scalar_one_or_none()
    if address is None:
        return EXPIRED

    taken = False

    def take(conn: Connection, now: datetime, _verify_sid: str) -> None:
        nonlocal taken
        if _to_confirm(conn, visitor.phone_key, mail_links.mark(address)) is not None:
            _take(conn, visitor, address, now)
            taken = True

    verdict = verification.check(e164, code, asker, take, address)
    # Meanwhile they may have given another address, or wanted no mails any more.
    return verdict if taken or not verdict.approved else EXPIRED


def _asking(visitor: Visitor, address: str) -> Letter:
    """Return the mail that asks whose address it is: whoever typed it may have been wrong."""
    language, _ = visitor.language, visitor.language.gettext
    url = mail_links.confirm_url(visitor.phone_key, address, language.code)
    shop = settings().shop_name or _("this shop")
    sentences = (
        _("Somebody gave this address to %(shop)s, for what a text cannot bring.", shop=shop),
        _("If that was you, open this page and press the button: %(url)s", url=url),
        _("If not, do nothing: we write to this address no more."),
    )
    subject = _("Is this your e-mail address?")
    return Letter(new_id().hex, address, subject, "\n\n".join(sentences), language)


def may_confirm(token: str) -> bool:
    """Whether a link is still good: the last that was sent, and not used yet."""
    read = mail_links.read_confirm(token)
    if read is None:
        return False
    with reading() as conn:
        return _to_confirm(conn, *read[:2]) is not None


def confirm(token: str, by: Visitor) -> bool:
    """Take an address that its owner confirms, with their consent; return False for a stale link.

    Args:
        token: That of the link in the mail.
        by: Whoever opened it: their address and browser are evidence.
    """
    read = mail_links.read_confirm(token)
    if read is None:
        return False
    phone_key, marked, code = read
    with db.engine.begin() as conn:
        phones.lock(conn, [phone_key])
        address = _to_confirm(conn, phone_key, marked)
        if address is None:
            return False
        visitor = replace(by, phone_key=phone_key, language=languages.of(code))
        _take(conn, visitor, address, database_now(conn))
    return True


def _take(conn: Connection, visitor: Visitor, address: str, now: datetime) -> None:
    own = {"email": address, "email_at": now, "email_is_own": True, "email_to_confirm": None}
    conn.execute(update(Phone).where(Phone.phone_key == visitor.phone_key).values(own))
    customers.record(conn, visitor, [EMAIL], ConsentAction.GRANTED, ConsentSource.PAGE, now)


def take_away(visitor: Visitor, *, unasked: bool = True) -> None:
    """Forget a customer's address and write down that they want no e-mails.

    Where they have said nothing of e-mail and no address is known, only if that is `unasked`.
    """
    with db.engine.begin() as conn:
        phones.lock(conn, [visitor.phone_key])
        phone = select(Phone.e164, Phone.email).where(Phone.phone_key == visitor.phone_key)
        row = conn.execute(phone).one()
        if row.e164 is not None and (unasked or row.email):
            _take_away(conn, visitor)


def unsubscribe(token: str, by: Visitor) -> bool:
    """Do the same for the number in a token; return False where it is none of ours.

    Of a person who was erased, or who said so before, nothing is left to be done.
    """
    phone_key = mail_links.read_unsubscribe(token)
    if phone_key is None:
        return False
    with db.engine.begin() as conn:
        current = phones.current(conn, phone_key)
        if phones.lock(conn, [current]) and phones.number_of(conn, current) is not None:
            _take_away(conn, replace(by, phone_key=current))
    return True


def _take_away(conn: Connection, visitor: Visitor) -> None:
    of = Phone.phone_key == visitor.phone_key
    conn.execute(update(Phone).where(of).values(mail.NONE))
    now = database_now(conn)
    customers.record(conn, visitor, [EMAIL], ConsentAction.WITHDRAWN, ConsentSource.PAGE, now)


def _to_confirm(conn: Connection, phone_key: str, marked: str) -> str | None:
    """Return the address that a link is about; None where it is not, or no longer, waited for."""
    found = select(Phone.email_to_confirm).where(Phone.phone_key == phone_key)
    address: str | None = conn.execute(found).scalar_one_or_none()
    is_it = address is not None and hmac.compare_digest(mail_links.mark(address), marked)
    return address if is_it else None
