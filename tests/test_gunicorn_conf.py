"""What gunicorn.conf.py makes of the settings, and what is done before it forks."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ENVIRONMENT, ROOT

# One program for all tests: it takes a second to start.
PROGRAM = """if True:
    import gc, json, os, runpy

    def read(**environment):
        os.environ.update(environment)
        return runpy.run_path("gunicorn.conf.py")

    said = {"bind": read()["bind"], "asked for": read(BIND="::", PORT="9000")["bind"]}
    import wsgi
    said["set apart"] = gc.get_freeze_count()
    said["looks for garbage"] = gc.isenabled()
    os.access = lambda *_: False
    try:
        read()
    except SystemExit as refusal:
        said["refusal"] = str(refusal)
    print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.getbasetemp()}/test.sqlite3"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout)


def test_what_is_loaded_before_the_first_fork_is_not_looked_through_for_garbage(said):
    assert said["set apart"] > 100_000
    assert said["looks for garbage"]


def test_it_listens_on_this_machine_alone_unless_it_is_told_otherwise(said):
    assert (said["bind"], said["asked for"]) == ("127.0.0.1:8000", "[::]:9000")


def test_it_does_not_start_on_a_database_that_it_may_not_write(said, tmp_path_factory):
    assert said["refusal"].startswith(f"smsapp cannot start: {tmp_path_factory.getbasetemp()}, ")
