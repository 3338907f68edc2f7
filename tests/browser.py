"""A real browser, headless, that writes down what a page complains of and what it asks for."""

import json
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --disable-dev-shm-usage"
)


def why_not():
    """Why there is no browser here; empty if there is one."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        return f"LEFT OUT: no {' and no '.join(missing)}: apt-get install chromium chromium-driver"
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        return "LEFT OUT: no selenium: pip install selenium"
    return ""


needed = pytest.mark.skipif(bool(why_not()), reason=why_not())


class Page:
    """What tests ask of a page; `driver` is selenium's."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, address, width, dark=False):
        """At a width in pixels, and what came before forgotten."""
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.driver.get(address)

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def until(self, true, seconds=30):
        """Waits until a function is true of the page, which may be on its way to another."""
        from selenium.common.exceptions import WebDriverException

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(WebDriverException):
                if true(self):
                    return
            time.sleep(0.1)
        raise AssertionError("it never came to that")

    @property
    def complaints(self):
        """All that it wrote to the console."""
        return self.driver.get_log("browser")

    @property
    def requests(self):
        """Addresses that it asked for, but for those within itself and the browser."""
        messages = (json.loads(e["message"]) for e in self.driver.get_log("performance"))
        sent = [m["message"] for m in messages]
        urls = [
            m["params"]["request"]["url"]
            for m in sent
            if m["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in urls if not url.startswith(("data:", "chrome:"))]

    @property
    def too_wide(self):
        """Elements that reach beyond the page, but for those within what scrolls by itself."""
        return self.run(
            "return [...document.querySelectorAll('body *')].filter(e => {"
            "  const box = e.getBoundingClientRect();"
            "  return box.width && (box.right > document.documentElement.clientWidth + 1 || box.left < -1)"
            "    && !e.closest('.scroll, .window');"
            "}).map(e => e.outerHTML.slice(0, 80))"
        )


@contextmanager
def browser():
    """A page in a browser that is closed afterwards."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS.split(), f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            yield Page(driver)
        finally:
            driver.quit()
