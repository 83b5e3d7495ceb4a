"""Pages in a real headless Chromium, opened from files with the network off."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
Visit = Callable[..., Page]


@pytest.fixture(scope="session", autouse=True)
def chromium() -> Iterator[Browser]:
    """The system's Chromium; without one the tests are skipped before anything is run for them."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens a file; the test fails if a page complains, opens a dialog, or asks for anything but pages to read."""
    context = chromium.new_context(offline=True)
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            problems.append(f"console: {message.text}")

    def on_dialog(dialog: Dialog) -> None:
        problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def on_request(request: Request) -> None:
        opens_a_file = request.url.startswith("file:") and request.is_navigation_request()
        if not opens_a_file and not request.url.startswith("data:"):
            problems.append(f"request: {request.url}")

    context.on("request", on_request)
    context.on("console", on_console)
    context.on("dialog", on_dialog)
    context.on("weberror", lambda error: problems.append(f"error: {error.error}"))

    def open_page(path: Path, fragment: str = "", width: int = 1280, height: int = 900) -> Page:
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.set_viewport_size({"width": width, "height": height})
        page.goto(path.resolve().as_uri() + fragment)
        if path.parent.parent.name == "browser":
            page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    context.close()
    assert problems == []
