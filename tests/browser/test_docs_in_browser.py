"""The page about the API in a browser: small and large, light and dark; a command as pasted."""

import json
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests import axe
from tests.system import System

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_clean_and_nothing_sticks_out(
    open_window: Callable[..., Page], shop: tuple[System, str], width: int
) -> None:
    page = open_window(base_url=shop[1], width=width)
    page.goto("/docs")
    for shown in page.locator("summary").all()[:2]:
        shown.click()
    assert axe.faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


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
