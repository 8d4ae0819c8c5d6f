"""A call to the shop: what is said at each step, and where each key leads.

Pure: what is known of the caller and of the shop comes in, TwiML goes out. Where a caller is stands
in the address of the next step and nowhere else. Every path ends: with each step a count grows, and
whoever has gone around for long enough, or found no way twice, is led to the end of the menu.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlencode

from babel.dates import format_date
from twilio.twiml.voice_response import Dial, Gather, VoiceResponse

from smsapp import languages
from smsapp.languages import Language
from smsapp.phone_menu import Choice, Menu, PhoneMenu, letters
from smsapp.providers.sms import RECEIPT_RETRIES
from smsapp.voice import speech

PREFIX = "/twilio/voice"
# So often in a row nothing is pressed, or nothing that leads anywhere, until the menu ends.
MAX_MISSES = 2
# So many steps a call takes at most: nobody needs as many.
MAX_STEPS = 20
# Seconds for a key after the menu was said, and between the digits of a number.
KEY_SECONDS, DIGIT_SECONDS = 6, 8
# For how long other phones ring: shorter than most answering machines wait.
RING_SECONDS = 20
# Of an order's number.
MAX_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a caller is: in which menu and language, how lost, and after how many steps."""

    at: str
    lang: str
    miss: int = 0
    step: int = 0

    @property
    def language(self) -> Language:
        """The language that is spoken there."""
        return languages.of(self.lang)

    def path(self, name: str, **changes: object) -> str:
        """Return the address of the next step, with one step more."""
        where = {"at": self.at, "lang": self.lang, "miss": self.miss, "step": self.step + 1}
        return f"{PREFIX}/{name}?{urlencode({**where, **changes})}"


@dataclass(frozen=True, slots=True)
class Shop:
    """What the shop has set, and what time it is.

    `phones` are those of VOICE_NUMBERS, {name: numbers}; `now` is aware.
    """

    menu: PhoneMenu
    phones: Mapping[str, tuple[str, ...]]
    now: datetime

    def place(self, at: str, lang: str, miss: int, step: int) -> Place:
        """Return a place that there is, whatever an address says."""
        at = at if at in self.menu.menus else self.menu.start
        lang = lang if lang in self.menu.languages else self.menu.languages[0]
        return Place(at, lang, max(0, miss), max(0, step))

    @property
    def is_open(self) -> bool:
        """Whether somebody is there."""
        hours = self.menu.hours
        return hours is None or hours.closes_at(self.now) is not None


@dataclass(slots=True)
class Step:
    """One answer that is being made: what is said first, and where the caller then is."""

    shop: Shop
    place: Place
    answer: VoiceResponse = field(default_factory=VoiceResponse)

    def say(self, to: VoiceResponse | Gather, words: str) -> None:
        """Say words in the language of the place."""
        speech.say(to, words, self.place.language, self.shop.menu.voices)

    def gettext(self, message: str, /, **values: object) -> str:
        """Return a sentence of ours in the language of the place."""
        return self.place.language.gettext(message, **values)


def begin(shop: Shop) -> VoiceResponse:
    """Return what somebody hears who rings."""
    return _menu(Step(shop, shop.place("", "", 0, 0)))


def choose(shop: Shop, place: Place, keys: str, said: str) -> VoiceResponse:
    """Return what follows from a key, or from words; from neither, silence."""
    step = Step(shop, place)
    menu = shop.menu.menus[place.at]
    choice = menu.keys.get(keys) if keys else _meant(menu, place.lang, said)
    if place.step > MAX_STEPS:
        return _lost(step)
    if choice is not None:
        step.place = replace(place, miss=0)
        return _do(step, choice)
    step.place = replace(place, miss=place.miss + 1)
    if step.place.miss >= MAX_MISSES:
        return _lost(step)
    if keys:
        return _menu(step, step.gettext("That key has no meaning here."))
    if said:
        return _menu(step, step.gettext("We did not understand that."))
    return _menu(step, step.gettext("We did not hear anything."))


def order(
    shop: Shop, place: Place, keys: str, status: tuple[str, Language] | None
) -> VoiceResponse:
    """Return how an order stands whose number was keyed in.

    Args:
        shop: The shop.
        place: Where the caller is.
        keys: The number; "" for none.
        status: The words about the caller's own order with this number, and their language.
    """
    step = Step(shop, place)
    if place.step > MAX_STEPS:
        return _lost(step)
    if status:
        words, language = status
        step.place = replace(place, miss=0)
        return _menu(step, speech.spoken(words), language)
    step.place = replace(place, miss=place.miss + 1)
    if step.place.miss >= MAX_MISSES:
        return _lost(step)
    if keys:
        return _ask_for_order(step, step.gettext("We know of no order with this number of yours."))
    return _ask_for_order(step, step.gettext("We did not hear anything."))


def dialed(shop: Shop, place: Place, status: str) -> VoiceResponse:
    """Return what follows once the other phone has been hung up, or was never answered."""
    step = Step(shop, place)
    if status in ("completed", "answered"):
        step.answer.hangup()
        return step.answer
    return _voicemail(step, step.gettext("Nobody can come to the phone right now."))


def recorded(shop: Shop, place: Place, *, hung_up: bool) -> VoiceResponse:
    """Return what is said once somebody has left a message; nothing to who has hung up."""
    step = Step(shop, place)
    if hung_up:
        return step.answer
    return _goodbye(step, step.gettext("Thank you. We have your message."))


def _meant(menu: Menu, lang: str, said: str) -> Choice | None:
    """Return the choice that has a word which was said; None where none has, or several have."""
    heard = f" {' '.join(letters(said))} "
    found = [
        choice
        for choice in menu.keys.values()
        if any(f" {' '.join(letters(word))} " in heard for word in _words(choice, lang))
    ]
    return found[0] if len(found) == 1 else None


def _words(choice: Choice, lang: str) -> tuple[str, ...]:
    return next((words for code, words in choice.words.items() if code == lang), ())


def _do(step: Step, choice: Choice) -> VoiceResponse:
    to = choice.to or ""
    before = ""
    match choice.do:
        case "menu":
            step.place = replace(step.place, at=to)
        case "language":
            step.place = replace(step.place, lang=to)
        case "hours":
            before = _hours(step)
        case "order_status":
            return _ask_for_order(step)
        case "dial":
            return _dial(step, to)
        case "voicemail":
            return _voicemail(step)
        case "goodbye":
            return _goodbye(step)
    return _menu(step, before)


def _menu(step: Step, before: str = "", its: Language | None = None) -> VoiceResponse:
    """Say a menu and listen all the while, and to what is said before it, in a language of its own.

    Silence leads on by itself, for Twilio asks nobody about it.
    """
    menu, place = step.shop.menu.menus[step.place.at], step.place
    words = [word for choice in menu.keys.values() for word in _words(choice, place.lang)]
    listens: dict[str, object] = {"input": "dtmf"}
    if words:
        tag = speech.TAGS[place.language.code]
        listens = {"input": "dtmf speech", "language": tag, "hints": ", ".join(words)}
    gather = Gather(
        num_digits=1,
        # Else "#" would be silence, and no key.
        finish_on_key="",
        timeout=KEY_SECONDS,
        action=place.path("menu"),
        **listens,
    )
    if before:
        speech.say(gather, before, its or place.language, step.shop.menu.voices)
    step.say(gather, next(words for code, words in menu.say.items() if code == place.lang))
    step.answer.append(gather)
    step.answer.redirect(place.path("menu"))
    return step.answer


def _ask_for_order(step: Step, before: str = "") -> VoiceResponse:
    gather = Gather(
        input="dtmf", finish_on_key="#", timeout=DIGIT_SECONDS, action=step.place.path("order")
    )
    if before:
        step.say(gather, before)
    step.say(gather, step.gettext("Key in the number of your order, then press the hash key."))
    step.answer.append(gather)
    step.answer.redirect(step.place.path("order"))
    return step.answer


def _dial(step: Step, to: str) -> VoiceResponse:
    if not step.shop.is_open:
        return _voicemail(step, _hours(step))
    step.say(step.answer, step.gettext("One moment, please."))
    dial = Dial(action=step.place.path("dialed"), timeout=RING_SECONDS, answer_on_bridge=True)
    for number in step.shop.phones.get(to, ()):
        dial.number(number)
    step.answer.append(dial)
    return step.answer


def _voicemail(step: Step, before: str = "") -> VoiceResponse:
    """Take a message; Twilio writes down what is said in English alone."""
    if before:
        step.say(step.answer, before)
    step.say(step.answer, step.gettext("Leave us a message after the tone, then hang up."))
    more: dict[str, object] = {}
    if step.place.language.code == "en":
        more = {
            "transcribe": True,
            "transcribe_callback": f"{PREFIX}/transcription{RECEIPT_RETRIES}",
        }
    step.answer.record(
        action=step.place.path("recorded"),
        recording_status_callback=f"{PREFIX}/recording{RECEIPT_RETRIES}",
        max_length=speech.MAX_MESSAGE_SECONDS,
        timeout=speech.SILENCE_SECONDS,
        play_beep=True,
        **more,
    )
    # Reached where nothing was heard.
    return _goodbye(step)


def _lost(step: Step) -> VoiceResponse:
    """Lead somebody out who has found no way twice."""
    menu = step.shop.menu.menus[step.place.at]
    if menu.lost == "voicemail":
        return _voicemail(step, step.gettext("We could not help you this way."))
    return _goodbye(step, step.gettext("We could not help you this way. Please ring again."))


def _goodbye(step: Step, before: str = "") -> VoiceResponse:
    step.say(step.answer, f"{before} {step.gettext('Goodbye.')}".strip())
    step.answer.hangup()
    return step.answer


def _hours(step: Step) -> str:
    """Return whether the shop is open, and until when, or when it opens."""
    hours, language = step.shop.menu.hours, step.place.language
    if hours is None:
        return ""
    if closes := hours.closes_at(step.shop.now):
        until = language.time_of_day(closes.astimezone(hours.zone))
        return step.gettext("We are open now, until %(time)s.", time=until)
    opens = hours.opens_at(step.shop.now)
    if opens is None:
        return step.gettext("We are closed.")
    wall = opens.astimezone(hours.zone)
    day = format_date(wall.date(), "EEEE d MMMM", locale=language.locale)
    moment = language.joined(day, language.time_of_day(wall))
    return step.gettext("We are closed now. We open again on %(moment)s.", moment=moment)
