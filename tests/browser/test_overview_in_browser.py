"""The overview in a real browser: to be read by anyone, on any screen."""

import random
import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from smsapp import operators
from smsapp.extensions import database_now, db
from smsapp.models import AlarmKind, Role
from smsapp.watch import alarms, roll_up
from smsapp.watch.finding import Finding
from tests import axe
from tests.browser.conftest import shop_on_sandbox, sign_in
from tests.conftest import make_app
from tests.watch.conftest import write_texts

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery staple"
HOUR = timedelta(hours=1)
RATE = Finding(
    AlarmKind.COUNTRY_RATE,
    "FR",
    {"rate": 71.4, "sample": 42, "minutes": 60, "codes": [(30003, 9), (30007, 3)]},
)


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A shop that has texted for a month, and whose texts to France now arrive too seldom."""
    with shop_on_sandbox(tmp_path_factory.mktemp("overview")) as (system, url):
        app = make_app(**system.environment)
        with app.app_context():
            operators.create("sam", Role.SUPPORT, PASSWORD)
            with db.engine.connect() as conn:
                now = database_now(conn)
        fill(app, now)
        with app.app_context():
            roll_up.run(60)
            alarms.write([RATE], [])
            db.engine.dispose()
        yield url


def fill(app, now):
    chance = random.Random(1)
    for hours in range(24 * 29, 0, -3):
        at = now - hours * HOUR
        busy = 2 if 8 <= at.hour <= 20 else 1
        write_texts(app, at, chance.randint(4, 9) * busy)
        if chance.random() < 0.3:
            write_texts(app, at, 1, country="DE", state="undelivered", code=30005)
        if chance.random() < 0.15:
            write_texts(app, at, 1, state="suppressed", reason="opted_out")
    for hours in (5, 3, 1):
        at = now - hours * HOUR
        write_texts(app, at, 12, country="FR")
        write_texts(app, at, 4, country="FR", state="undelivered", code=30003)
    write_texts(app, now, 2, state="sent")
    write_texts(app, now - HOUR, 2, country="GB", state="failed", code=21211)
    write_texts(app, now - HOUR, 2, state="suppressed", reason="consent_withdrawn")


@pytest.fixture(scope="module")
def signed_in(browser, busy):
    """What Sam's browser keeps once he is signed in; that can be tried only so often."""
    context = browser.new_context(base_url=busy)
    page = context.new_page()
    page.goto("/console/sign-in")
    sign_in(page, "sam", PASSWORD)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def page(open_window, busy, signed_in):
    """Sam's browser."""

    def opens(width):
        page = open_window(width=width, base_url=busy, storage_state=signed_in)
        page.goto("/console/")
        page.get_by_role("link", name="Overview").click()
        expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()
        return page

    return opens


@pytest.mark.parametrize("range_", ["24 hours", "30 days"])
def test_anyone_can_read_it(page, range_):
    shown = page(1280)
    shown.get_by_role("link", name=range_).click()
    expect(shown.get_by_role("link", name=range_)).to_have_attribute("aria-current", "true")
    shown.get_by_text("The numbers of both charts").click()
    assert axe.faults(shown) == []
    for width in (1280, 360):
        shown.set_viewport_size({"width": width, "height": 900})
        assert shown.evaluate("document.documentElement.scrollWidth") <= width


def test_charts_speak_to_those_who_do_not_see_them(page):
    shown = page(1280)
    chart = shown.get_by_role("img", name=re.compile("Texts over the last 24 hours"))
    expect(chart).to_be_visible()
    assert re.search(r"\d+ delivered, \d+ failed", chart.locator("desc").text_content())
    shown.get_by_text("The numbers of both charts").click()
    table = shown.get_by_role("region", name="Texts over time")
    expect(table.get_by_role("row")).to_have_count(25)


def test_the_alarm_comes_before_everything_else_and_all_of_it_has_one_edge(page):
    shown = page(360)
    heading = shown.get_by_role("heading", name="Overview", exact=True)
    first = shown.get_by_role("link", name="24 hours")
    assert first.bounding_box()["x"] == heading.bounding_box()["x"]  # its box has an edge to see
    alarm = shown.get_by_role("region", name="1 open alarm")
    expect(alarm).to_contain_text("Of 42 texts to FR in 1 hour, only 71.4 % arrived.")
    expect(alarm).to_contain_text("switched off")
    assert alarm.bounding_box()["y"] < shown.locator(".tiles").bounding_box()["y"]


def test_a_bar_of_the_chart_is_as_high_as_its_number(page):
    """The browser draws what the table says: no rule of the page's style gets in between."""
    shown = page(1280)
    shown.get_by_role("link", name="30 days").click()
    shown.get_by_text("The numbers of both charts").click()
    cells = shown.locator("details tbody tr td:nth-child(2)").all_inner_texts()
    most = max(range(len(cells)), key=lambda n: int(cells[n]))
    heights = shown.evaluate(
        """[...document.querySelectorAll('.chart g')].map(
            bar => bar.querySelector('.delivered')?.getBoundingClientRect().height ?? 0)"""
    )
    assert heights[len(cells) - 1 - most] == max(heights)
