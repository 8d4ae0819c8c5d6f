"""What a view's answers are, said beside it; /openapi.json is made from that and from what runs.

The address comes from the route, the scope from the guard, the sentence from the docstring, and
the fields from the models that read the request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from smsapp import metrics

View = TypeVar("View", bound=Callable[..., Any])


class Error(Protocol):
    """An error that a view may answer: a class of SmsappError, or what is like one."""

    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> int: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def answer(self) -> type: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Operation:
    """What a view takes and answers.

    Attributes:
        answers: By status, each shape that its JSON may have; str where it is text.
        errors: Those of its own, besides what its guard, its body and the database may raise.
        body: What its body is read as.
        media: What the body is sent as.
        text: What an answer that is text is sent as.
        query: What its query is read as.
        headers: What its headers are read as.
        has_location: Whether what it accepts has an address of its own, which it says.
    """

    answers: Mapping[int, tuple[Any, ...]]
    errors: tuple[Error, ...] = ()
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None
    has_location: bool = False
    media: str = "application/json"
    text: str = metrics.CONTENT_TYPE.partition(";")[0]


def told(operation: Operation) -> Callable[[View], View]:
    """Say what a view takes and answers."""

    def tell(view: View) -> View:
        view.operation = operation  # type: ignore[attr-defined]
        return view

    return tell
