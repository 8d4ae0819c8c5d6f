"""An installation on each database, for whole journeys."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import a_database, with_schema
from tests.system import System, installation


@contextmanager
def installation_on(
    request: pytest.FixtureRequest, folder: Path, *, posts_texts: bool = False
) -> Iterator[System]:
    """Set up an installation on the database that the fixture's parameter names."""
    with (
        a_database(request, folder, with_schema(request)) as url,
        installation(url, folder, posts_texts=posts_texts) as system,
    ):
        yield system


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """An installation on each database."""
    with installation_on(request, tmp_path) as system:
        yield system
