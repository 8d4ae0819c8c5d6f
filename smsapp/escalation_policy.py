"""Whom an incident is told to, and when: one TOML file, read and checked when the app starts."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from smsapp.quiet_hours import zone_names

# With all that is in it explained; a shop copies it.
DEFAULT_FILE = Path(__file__).with_name("escalation.toml")

ON_CALL, NEXT, EVERYBODY = "on call", "next", "everybody"


def _zone(value: str) -> str:
    if value not in zone_names() | {"UTC"}:
        raise ValueError("must be a time zone such as Europe/Berlin")
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


class Page(BaseModel):
    """Who is told, and over which channel.

    `whom` is one of the words above, or the name of somebody who was put in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    whom: Annotated[str, Field(min_length=1, max_length=40)]
    by: Literal["sms", "call"] = "sms"


class Step(Page):
    """One step; `minutes`: how long whoever was told has until the next."""

    minutes: Annotated[float, Field(ge=0.01, le=10_080)]


class Policy(BaseModel):
    """The whole file.

    Attributes:
        time_zone: Of the rota's clock, and of the times that texts say.
        repeat: How often the steps are gone through again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_zone: Annotated[str, AfterValidator(_zone)]
    repeat: Annotated[int, Field(ge=0, le=100)]
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)]
    last_resort: Page

    @property
    def zone(self) -> ZoneInfo:
        """Return the rota's zone."""
        return ZoneInfo(self.time_zone)

    @property
    def all_pages(self) -> tuple[Page, ...]:
        """Return the steps and the last resort."""
        return (*self.steps, self.last_resort)


PolicyFile = Annotated[Policy, BeforeValidator(_from_file)]
