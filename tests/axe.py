"""Axe, which finds what keeps somebody from reading or using a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# What it finds good it would describe as well, which takes as long again.
FAULTS_ALONE = {"resultTypes": ["violations"]}
# Of axe's rules this is the one that asks about colours; the others have answered in light.
CONTRAST = "axe.run({runOnly: ['color-contrast'], resultTypes: ['violations']})"


def faults(page: Page) -> list[str]:
    """Return what axe finds in a page, in light and in dark; leave it in light."""
    page.emulate_media(color_scheme="light")
    found = Axe().run(page, options=FAULTS_ALONE).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += page.evaluate(CONTRAST)["violations"]
    page.emulate_media(color_scheme="light")
    return [f"{fault['id']}: {node['html']}" for fault in found for node in fault["nodes"]]
