"""What the browser tests do with the phone page."""

from tests import axe

# The page asks once a second whether anything is new; here ten times, for a test waits for it.
HASTE = "const later = setTimeout; setTimeout = (call, ms) => later(call, Math.min(ms, 100));"


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
    """Return what axe finds in a page, small and large."""
    faults = []
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        faults += axe.faults(page)
    return faults
