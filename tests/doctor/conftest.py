"""A whole installation to examine: the app at its address, a worker's beat, a sandbox."""

import pytest

from smsapp.delivery import health
from smsapp.doctor import examination
from smsapp.extensions import db
from smsapp.sandbox.testing import SandboxConfig, running
from tests.conftest import ACCOUNT, ENVIRONMENT, TOKEN, settings_of
from tests.system import serving

VERIFY = "VA" + "1" * 32
WHOLE = {
    "TWILIO_VERIFY_SERVICE_SID": VERIFY,
    "SHOP_NAME": "Corner Books",
    "PRIVACY_URL": "https://shop.example/privacy",
    "TERMS_URL": "https://shop.example/terms",
    "ALARM_WEBHOOK_URL": "https://hooks.example/alarm",
    "METRICS_TOKEN": "m" * 16,
}
KEY, SECRET = "SK" + "1" * 32, "the secret of the API key"


@pytest.fixture
def address(app):
    with serving(app) as address:
        yield address


@pytest.fixture
def examine(app, shop, address, tmp_path):
    """Examine the installation with these settings; `sandbox` changes what Twilio says."""

    def examine(sandbox=None, weather=None, **environment):
        given = WHOLE | {"PUBLIC_BASE_URL": address} | environment
        config = {
            "account_sid": ACCOUNT,
            "auth_token": TOKEN,
            "from_number": ENVIRONMENT["TWILIO_FROM_NUMBER"],
            "database": tmp_path / f"sandbox-{len(list(tmp_path.iterdir()))}.sqlite3",
            "public_base_url": given["PUBLIC_BASE_URL"],
            "verify_service_sid": VERIFY,
            "api_key_sid": KEY,
            "api_key_secret": SECRET,
        }
        with running(SandboxConfig(**config | (sandbox or {}))) as twilio:
            twilio.weather(**weather or {})
            given = {"TWILIO_BASE_URL": twilio.url} | given
            with settings_of(app, **given), app.app_context():
                return list(examination.examine())

    with app.app_context(), db.engine.begin() as conn:
        health.beat(conn, "a worker")
    return examine
