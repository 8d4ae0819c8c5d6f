"""The two hashed locks install anywhere, and are what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
RUN, DEV = "requirements.txt", "requirements-dev.txt"

both = pytest.mark.parametrize("lock", [RUN, DEV])


def pins(lock: str) -> dict[str, set[str]]:
    """Return each name's versions: more than one where Pythons or platforms need different ones."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z][a-z0-9.-]*)==(\S+)", text(lock), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def text(lock: str) -> str:
    return (ROOT / lock).read_text()


def wanted(*, dev: bool) -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = project["dependencies"] + (project["optional-dependencies"]["dev"] if dev else [])
    return {canonicalize_name(wish.name): wish for wish in map(Requirement, texts)}


@both
def test_a_lock_holds_pins_hashes_and_comments_and_no_address(lock):
    form = re.compile(
        r"[a-z][a-z0-9.-]*==[\w.]+( ; [\w.'()<>=! ]+)? \\"
        r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
        r"|    # +(via *)?(-c requirements\.txt|[a-z0-9.-]+( \(pyproject\.toml\))?)?"
    )
    strange = [line for line in text(lock).splitlines() if not form.fullmatch(line)]
    assert strange == []


@both
def test_every_pin_has_a_hash(lock):
    blocks = re.split(r"^(?=[a-z])", text(lock), flags=re.MULTILINE)
    assert [block for block in blocks if block and "--hash=sha256:" not in block] == []


@pytest.mark.parametrize(("lock", "dev"), [(RUN, False), (DEV, True)])
def test_a_lock_pins_what_pyproject_asks_for_and_nothing_it_has_dropped(lock, dev):
    asked, pinned = wanted(dev=dev), pins(lock)
    assert sorted(asked.keys() - pinned.keys()) == []
    unmet = {
        name: version
        for name, wish in asked.items()
        for version in pinned[name]
        if not wish.specifier.contains(version)
    }
    assert unmet == {}
    named = re.findall(
        r"^([a-z][a-z0-9.-]*)==(?:(?!^[a-z]).)*?\(pyproject\.toml\)",
        text(lock),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert sorted(set(named) - asked.keys()) == []


def test_the_lock_for_tests_holds_all_that_running_takes_in_the_same_versions():
    tests = pins(DEV)
    assert {name: found for name, found in pins(RUN).items() if tests.get(name) != found} == {}


def test_running_takes_no_package_that_is_for_tests():
    assert pins(RUN).keys() & (wanted(dev=True).keys() - wanted(dev=False).keys()) == set()
