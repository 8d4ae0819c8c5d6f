"""A Verify that does as it is told, asked by rules rather than by requests."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.fake_verify import FakeVerify


@pytest.fixture
def verify(app: Flask, verify: FakeVerify) -> Iterator[FakeVerify]:
    """The same in the context of the app."""
    with app.app_context():
        yield verify
