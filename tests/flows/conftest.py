"""An installation on each database, for whole journeys."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import servers
from tests.system import System, installation


@contextmanager
def installation_on(request: pytest.FixtureRequest, folder: Path) -> Iterator[System]:
    """Set up an installation on the database that the fixture's parameter names."""
    if request.param == "sqlite":
        with installation(f"sqlite:///{folder}/flow.sqlite3", folder) as system:
            yield system
    else:
        server = request.getfixturevalue("postgres_url")
        with servers.database(server) as url, installation(url, folder) as system:
            yield system


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """An installation on each database."""
    with installation_on(request, tmp_path) as system:
        yield system
