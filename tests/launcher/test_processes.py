"""Programs that run beside each other: two of a line each stand for the app and the sandbox."""

import os
import time

import pytest

from smsapp.launcher.processes import Children, Failed

STAYS = "import time; print('working', flush=True); time.sleep(60)"


@pytest.fixture
def children(tmp_path):
    """Run in a folder that has a program of each kind."""
    programs = {"stays": STAYS, "works": "print('done')", "fails": "1 / 0"}
    for name, code in programs.items():
        (tmp_path / f"{name}.py").write_text(code)
    children = Children(tmp_path, os.environ)
    yield children
    children.stop()


@pytest.mark.parametrize("killed", ["One", "Two"])
def test_if_one_ends_by_itself_it_is_named_with_the_end_of_its_log(children, tmp_path, killed):
    started = {name: children.start(name, ["stays"], tmp_path / name) for name in ("One", "Two")}
    children.wait(lambda: "working" in (tmp_path / killed).read_text(), started[killed])
    started[killed].stop()
    with pytest.raises(Failed, match=rf"{killed} ended by itself[^\n]*:\n  working$"):
        children.watch()


def test_a_program_that_fails_is_named_with_the_end_of_its_log(children, tmp_path):
    children.run("One", ["works"], tmp_path / "log")
    with pytest.raises(Failed, match=r"(?s)Two failed.*ZeroDivisionError"):
        children.run("Two", ["fails"], tmp_path / "log")


def test_what_runs_is_ended_promptly(children, tmp_path):
    started = [children.start(name, ["stays"], tmp_path / name) for name in ("One", "Two")]
    began = time.monotonic()
    children.stop()
    assert time.monotonic() - began < 5
    assert None not in {child.process.poll() for child in started}
