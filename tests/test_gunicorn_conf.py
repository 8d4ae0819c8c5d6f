"""What gunicorn.conf.py does beside its settings."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ENVIRONMENT, ROOT

BIND = """if True:
    import runpy
    print(runpy.run_path("gunicorn.conf.py")["bind"])
"""

CLOSED = """if True:
    import os, runpy
    os.access = lambda *_: False
    runpy.run_path("gunicorn.conf.py")
"""

READY = """if True:
    import gc, runpy
    runpy.run_path("gunicorn.conf.py")["when_ready"](None)
    print(gc.get_freeze_count())
"""


def test_what_is_loaded_before_the_first_fork_is_not_looked_through_for_garbage():
    ended = subprocess.run(
        [sys.executable, "-c", READY],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ended.stdout) > 10_000


def test_it_does_not_start_on_a_database_that_it_may_not_write(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", CLOSED],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{tmp_path}/test.sqlite3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"smsapp cannot start: {tmp_path}, ")


@pytest.mark.parametrize(
    ("given", "bind"), [({}, "127.0.0.1:8000"), ({"BIND": "::", "PORT": "9000"}, "[::]:9000")]
)
def test_it_listens_on_this_machine_alone_unless_it_is_told_otherwise(given, bind):
    ended = subprocess.run(
        [sys.executable, "-c", BIND],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | given,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == bind
