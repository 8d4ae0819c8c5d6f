"""What tests of the machine share."""

import pytest

from smsapp.extensions import db


@pytest.fixture
def conn(app):
    """A connection; nothing of what it writes is kept."""
    with app.app_context(), db.engine.connect() as conn, conn.begin() as transaction:
        yield conn
        transaction.rollback()
