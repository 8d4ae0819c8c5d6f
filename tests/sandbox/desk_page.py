"""What the browser tests do with the phone page."""

from axe_playwright_python.sync_playwright import Axe


def newest(page):
    return page.locator(".text").last


def tab_to(page, selector, text=""):
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "([s, t]) => document.activeElement.matches(s)"
            " && document.activeElement.innerText.includes(t)",
            [selector, text],
        )
        if found:
            return
    raise AssertionError(f"the keyboard cannot reach {selector} {text}")


def assert_fits(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(
        "[...document.querySelectorAll('.card')]"
        ".every(c => c.scrollWidth <= c.clientWidth || getComputedStyle(c).display === 'none')"
    )


def axe_faults(page):
    found = Axe().run(page).response["violations"]
    return [(v["id"], [node["html"] for node in v["nodes"]]) for v in found]
