"""The shop's own words: one TOML file, read and checked when the app starts."""

import re
import tomllib
from pathlib import Path
from string import Formatter
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# With all that is in it explained; a shop copies it.
DEFAULT_FILE = Path(__file__).with_name("words.toml")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _one_line(value: str) -> str:
    """Return words as a page shows them, so that what is recorded is what was seen."""
    value = " ".join(value.split())
    if not value:
        raise ValueError("must not be blank")
    if _CONTROL.search(value):
        raise ValueError("must not hold control characters")
    return value


def _only_shop(value: str) -> str:
    try:
        braces = [(name, *how) for _, name, *how in Formatter().parse(value) if name is not None]
    except ValueError:
        braces = [()]
    if set(braces) - {("shop", "", None)}:
        raise ValueError("may have {shop} in it, and no other braces")
    return value


def _from_file(path: object) -> object:
    try:
        return tomllib.loads(Path(str(path)).read_text("utf-8"))
    except OSError:
        raise ValueError("there is no file that can be read") from None
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the file is not TOML: {error}") from None


class Said(BaseModel):
    """A purpose in one language: its title, and all that is agreed to."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: Annotated[str, Field(max_length=40), AfterValidator(_one_line)]
    words: Annotated[str, AfterValidator(_one_line), AfterValidator(_only_shop)]


class PurposeWords(Said):
    """One purpose in the shop's own language and in others, and whether people are asked."""

    shown: bool
    de: Said | None = None
    ko: Said | None = None
    hi: Said | None = None

    def said_in(self, code: str) -> Said:
        """Return it in a language (languages.NAMES); in the shop's own where it lacks that."""
        found: Said | None = getattr(self, code, None)
        return found or self


def _ours(name: str) -> PurposeWords:
    purposes = tomllib.loads(DEFAULT_FILE.read_text("utf-8"))["purposes"]
    return PurposeWords.model_validate(purposes[name])


class Purposes(BaseModel):
    """Every purpose that there is, in the order of the pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_updates: PurposeWords
    appointment_reminders: PurposeWords
    incident_alerts: PurposeWords
    support: PurposeWords
    # No purpose but a way: a file of before there was this one shows our words.
    whatsapp: PurposeWords = Field(default_factory=lambda: _ours("whatsapp"))

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not any(words.shown for _, words in self):
            raise ValueError("shown must be true for one of them, or there is nothing to agree to")
        return self


class ShopWords(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purposes: Purposes


WordsFile = Annotated[ShopWords, BeforeValidator(_from_file)]
