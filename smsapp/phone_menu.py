"""What callers hear and may press: one TOML file of the shop's, read and checked at the start."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from smsapp.languages import NAMES
from smsapp.opening_hours import DAYS, OpeningHours, read_holiday, read_span, read_zone

# With all that is in it explained; a shop copies it.
EXAMPLE_FILE = Path(__file__).with_name("phone_menu.toml")
KEYS = "0123456789*#"
# What is said in one breath.
MAX_CHARACTERS = 1000

Code = Literal["en", "de", "ko", "hi"]
Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_CHARACTERS, pattern=r"^[^\x00-\x08\x0b-\x1f]*$"),
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
# As Twilio lists them: "Polly.Joanna", "Google.de-DE-Standard-A".
VoiceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,60}$")]
Lost = Literal["voicemail", "goodbye"]
Action = Literal[
    "menu", "dial", "voicemail", "order_status", "hours", "language", "repeat", "goodbye"
]
_LEADS_TO = ("menu", "dial", "language")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Choice(_Part):
    """What a key does, and the words that do the same when they are said."""

    do: Action
    to: Name | None = None
    words: dict[Code, tuple[Text, ...]] = Field(default_factory=dict)


class Menu(_Part):
    """One menu: what it says in each language, and what the keys do."""

    say: dict[Code, Text]
    keys: Annotated[dict[str, Choice], Field(min_length=1)]
    lost: Lost = "voicemail"


class _File(_Part):
    start: Name
    languages: Annotated[tuple[Code, ...], Field(min_length=1)]
    voices: dict[Code, VoiceName] = Field(default_factory=dict)
    menus: dict[Name, Menu]


class PhoneMenu(_File):
    """The whole file; `hours` is None for a shop that is always open."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    hours: OpeningHours | None = None

    @property
    def dials(self) -> frozenset[str]:
        """Return the names of the phones that it rings."""
        choices = (choice for menu in self.menus.values() for choice in menu.keys.values())
        return frozenset(choice.to for choice in choices if choice.do == "dial" and choice.to)


def read(path: object) -> object:
    """Return the menu in a file; anything else as it is.

    Raises:
        ValueError: It cannot be read, or has faults; its text lists all of them.
    """
    if not isinstance(path, str | Path):
        return path
    try:
        told = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError:
        raise ValueError("there is no file that can be read") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the file is not TOML: {error}") from None
    return parse(told)


def parse(told: dict[str, Any]) -> PhoneMenu:
    """Return the menu that a file tells of.

    Raises:
        ValueError: It has faults; its text lists all of them.
    """
    hours, rest = told.get("hours"), {key: of for key, of in told.items() if key != "hours"}
    faults, opening = _hours(hours) if hours is not None else ([], None)
    try:
        file = _File.model_validate(rest)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        faults += [f"{'.'.join(map(str, fault['loc']))}: {_said(fault)}" for fault in wrong]
    faults += _across(rest, has_hours=hours is not None)
    if faults:
        raise ValueError("; ".join(dict.fromkeys(faults)))
    return PhoneMenu(**dict(file), hours=opening)


def _said(fault: Any) -> str:
    if fault["type"] == "string_pattern_mismatch":
        return "does not have the form that the example shows"
    return str(fault["msg"]).removeprefix("Value error, ")


def _hours(told: Any) -> tuple[list[str], OpeningHours | None]:
    """Return the faults of the opening hours, and what they are where there are none."""
    if not isinstance(told, dict):
        return ["hours: must be a table"], None
    faults: list[str] = []
    for name in told.keys() - {"zone", "holidays", *DAYS}:
        faults.append(f"hours.{name}: is not known here")
    zone = list(_each("hours.zone", [told.get("zone", "")], read_zone, faults))
    holidays = frozenset(_each("hours.holidays", told.get("holidays", []), read_holiday, faults))
    spans = {
        day: tuple(sorted(_each(f"hours.{day}", told.get(day, []), read_span, faults)))
        for day in DAYS
    }
    for day, of_day in spans.items():
        if any(end > start for (_, end), (start, _) in pairwise(of_day)):
            faults.append(f"hours.{day}: must not overlap")
    return faults, None if faults else OpeningHours(zone[0], spans, holidays)


def _each(
    where: str, texts: Any, read_one: Callable[[str], Any], faults: list[str]
) -> Iterator[Any]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        faults.append(f"{where}: must be a list of strings")
        return
    for text in texts:
        try:
            yield read_one(text)
        except ValueError as error:
            faults.append(f"{where}: {error}")


def _across(told: dict[str, Any], *, has_hours: bool) -> Iterable[str]:
    """Yield the faults that are between parts of a file, however broken each part is."""
    menus = _table(told.get("menus"))
    spoken = told.get("languages")
    languages = [code for code in spoken if code in NAMES] if isinstance(spoken, list) else []
    start = told.get("start")
    if isinstance(start, str) and start not in menus:
        yield f"start: there is no menu “{start}”"
    for name, menu in menus.items():
        said = _table(_table(menu).get("say"))
        yield from (f"menus.{name}.say: lacks {code}" for code in languages if code not in said)
        for key, choice in _table(_table(menu).get("keys")).items():
            where = f"menus.{name}.keys.{key}"
            if key not in KEYS or len(key) != 1:
                yield f"{where}: is no key of a phone"
            if isinstance(choice, dict):
                yield from _of_choice(where, choice, menus, languages, has_hours=has_hours)
    found = set(reached(menus, start))
    yield from (f"menus.{name}: nothing leads there" for name in menus if name not in found)


def _of_choice(
    where: str,
    choice: dict[str, Any],
    menus: dict[str, Any],
    languages: list[str],
    *,
    has_hours: bool,
) -> Iterator[str]:
    do, to = choice.get("do"), choice.get("to")
    if do in _LEADS_TO and not to:
        yield f"{where}: must say where to"
    elif do not in _LEADS_TO and to:
        yield f"{where}: leads nowhere, so it must not say where to"
    elif do == "menu" and to not in menus:
        yield f"{where}: there is no menu “{to}”"
    elif do == "language" and to not in languages:
        yield f"{where}: “{to}” is not among the languages"
    elif do == "hours" and not has_hours:
        yield f"{where}: there are no hours to tell"
    said: dict[str, str] = {}
    for code, words in _table(choice.get("words")).items():
        if code not in languages:
            yield f"{where}.words: “{code}” is not among the languages"
        if isinstance(words, list):
            said |= dict.fromkeys((w for w in words if isinstance(w, str)), code)
    yield from (f"{where}.words: “{word}” has no letters" for word in said if not letters(word))


def reached(menus: dict[str, Any], start: Any) -> Iterator[str]:
    """Yield the names of the menus that somebody can get to."""
    seen: set[str] = set()
    todo = [start] if isinstance(start, str) else []
    while todo:
        name = todo.pop()
        if name in seen or name not in menus:
            continue
        seen.add(name)
        yield name
        for choice in _table(_table(menus[name]).get("keys")).values():
            leads = isinstance(choice, dict) and choice.get("do") == "menu"
            todo += [choice["to"]] if leads and isinstance(choice.get("to"), str) else []


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def letters(words: str) -> list[str]:
    """Return words as they are compared with what somebody said."""
    return re.findall(r"\w+", words.casefold())


MenuFile = Annotated[PhoneMenu, BeforeValidator(read)]
