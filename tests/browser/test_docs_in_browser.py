"""The page about the API in a browser: small and large, light and dark; a command as pasted."""

import json
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests import axe
from tests.system import System

pytestmark = pytest.mark.browser


# All calls are drawn alike, and axe takes a minute for as many as there are.
ALL_BUT_TWO_CALLS = "[...document.querySelectorAll('article')].slice(2).map((one) => one.remove())"
ALL_BUT_ONE_LINK = (
    "[...document.querySelectorAll('nav.calls li')].slice(1).map((li) => li.remove())"
)


def test_it_is_clean_and_nothing_sticks_out(
    open_window: Callable[..., Page], shop: tuple[System, str]
) -> None:
    page = open_window(base_url=shop[1], width=360)
    page.goto("/docs")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") == width
    for shown in page.locator("summary").all()[:2]:
        shown.click()
    page.evaluate(ALL_BUT_TWO_CALLS)
    page.evaluate(ALL_BUT_ONE_LINK)
    assert axe.faults(page) == []


def test_a_text_is_sent_by_who_pastes_its_command(
    open_window: Callable[..., Page], shop: tuple[System, str]
) -> None:
    system, url = shop
    page = open_window(base_url=url)
    page.goto("/docs#order_ready")
    command = page.locator("#order_ready pre").first.inner_text()
    assert "'Authorization: Bearer <your key>'" in command
    pasted = command.replace("<your key>", system.key).replace("curl ", "curl -s ", 1)
    answer = subprocess.run(["sh", "-c", pasted], capture_output=True, check=True, text=True)
    assert json.loads(answer.stdout)["accepted"] is True
