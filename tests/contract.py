"""What a contract promises, so that two can be compared: docs/openapi.json was promised last.

To promise what has been added since: .venv/bin/python -m tests.contract
"""

import json
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from smsapp.web import openapi

COPY = Path(__file__).parents[1] / "docs" / "openapi.json"
AT_MOST, AT_LEAST = {"maxLength", "maxItems", "maximum"}, {"minLength", "minItems", "minimum"}


@dataclass
class Promises:
    """What is offered, which may grow; what is demanded, which may shrink; how much is taken."""

    contract: dict[str, Any]
    offers: set[str] = field(default_factory=set)
    demands: set[str] = field(default_factory=set)
    limits: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, methods in self.contract["paths"].items():
            for method, told in methods.items():
                at = f"{method.upper()} {path}"
                self.offers |= {at, f"{at} for {told['security']}"}
                for each in told.get("parameters", ()):
                    self._field(each["name"], each["schema"], at, each["required"], sent=True)
                for media in told.get("requestBody", {"content": {}})["content"].values():
                    self._field("body", media["schema"], at, True, sent=True)
                for status, answer in openapi.answers_of(told, self.contract).items():
                    for name, media in answer["content"].items():
                        self._field(f"{status} {name}", media["schema"], at, True, sent=False)

        for name, methods in self.contract.get("webhooks", {}).items():
            for told in methods.values():
                at = f"TOLD {name}"
                self.offers.add(at)
                for media in told["requestBody"]["content"].values():
                    self._field("body", media["schema"], at, True, sent=False)

    def _field(self, name: str, schema: Any, at: str, needed: bool, *, sent: bool) -> None:
        at = f"{at} {name}"
        self.offers.add(at)
        if needed:
            (self.demands if sent else self.offers).add(f"{at} is always there")
        types = set()
        for branch in schema.get("anyOf") or schema.get("oneOf") or [schema]:
            ref = branch.get("$ref", "").rpartition("/")[2]
            told = self.contract["components"]["schemas"][ref] if ref else branch
            types.add(told.get("type", "any"))
            self._values(told, f"{at} {ref}" if "oneOf" in schema else at, sent)
        self.offers |= {f"{at}: {one}" for one in (types if sent else ["|".join(sorted(types))])}

    def _values(self, told: Any, at: str, sent: bool) -> None:
        self.offers |= {f"{at} = {one}" for one in told.get("enum", [told.get("const", "any")])}
        exact = {f"{at} as {told[word]}" for word in ("format", "pattern") if word in told}
        (self.demands if sent else self.offers).update(exact)
        if sent:
            self.limits |= {f"{at} {word}": told[word] for word in AT_MOST & told.keys()}
            self.limits |= {f"{at} {word}": -told[word] for word in AT_LEAST & told.keys()}
        for name, each in told.get("properties", {}).items():
            self._field(name, each, at, name in told.get("required", ()), sent=sent)
        for word in {"items", "additionalProperties"} & told.keys():
            if isinstance(told[word], dict):
                self._field(word, told[word], at, False, sent=sent)


def lost(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what a newer contract takes back of an older one, or asks for besides."""
    before, after = Promises(old), Promises(new)
    less = {at for at, most in after.limits.items() if most < before.limits.get(at, inf)}
    return sorted(
        [f"gone: {one}" for one in before.offers - after.offers]
        + [f"new: {one}" for one in after.demands - before.demands if _was(one, before)]
        + [f"less: {one}" for one in less if _was(one, before)]
    )


def _was(demand: str, before: Promises) -> bool:
    """Whether a demand is about a call that there was; a new one may ask for anything."""
    return " ".join(demand.split(" ", 2)[:2]) in before.offers


if __name__ == "__main__":
    from tests.conftest import make_app

    with make_app().app_context():
        COPY.write_text(f"{json.dumps(openapi.document(), indent=1, ensure_ascii=False)}\n")
