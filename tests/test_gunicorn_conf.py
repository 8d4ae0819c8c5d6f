"""What gunicorn.conf.py does beside its settings."""

import os
import subprocess
import sys

from tests.conftest import ENVIRONMENT, ROOT

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
