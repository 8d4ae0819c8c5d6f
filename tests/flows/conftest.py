"""An installation on each database, for whole journeys."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import servers
from tests.system import System, installation


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """An installation on each database."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/flow.sqlite3"
        else:
            url = stack.enter_context(servers.database(request.getfixturevalue("postgres_url")))
        yield stack.enter_context(installation(url, tmp_path))
