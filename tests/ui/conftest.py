"""A service on a real socket, a real browser, and a tab in it that remembers what it asked for and complained of."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from running_service import served

from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings

CHROMIUM = os.environ.get("PIXWISE_CHROMIUM") or shutil.which("chromium") or ""
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass
class Tab:
    """A page of the browser, and what it did."""

    page: Page
    url: str
    expected: int = 0  # the status of an answer that the browser may complain of
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, task: str = "") -> Page:
        self.page.goto(f"{self.url}/ui/" + (f"#{task}" if task else ""))
        self.page.wait_for_selector(":root.ready")
        return self.page

    def give(self, picture: str | Path) -> Page:
        """Choose a picture and wait for the answer."""
        self.page.set_input_files("#file", EXAMPLES / picture)
        return self.answered()

    def answered(self) -> Page:
        self.page.wait_for_timeout(300)  # what is typed is asked a moment later
        self.page.wait_for_selector("#answers[aria-busy=false] .card")
        return self.page

    def show(self, task: str, picture: str | Path) -> Page:
        """Choose a picture for a task that is not asked before more is said."""
        self.open(task)
        self.page.set_input_files("#file", EXAMPLES / picture)
        self.page.wait_for_selector("#hint:visible")
        return self.page

    def ask(self, task: str, picture: str | Path) -> Page:
        self.open(task)
        return self.give(picture)

    def rows(self) -> list[str]:
        return self.page.locator("tbody tr:visible").all_inner_texts()

    def click_picture(self, x: float, y: float, **how: object) -> None:
        """Click on a point of the picture, in its own pixels."""
        scale = self.page.evaluate("(g => g.clientWidth / g.naturalWidth)(document.getElementById('ground'))")
        self.page.locator("#ink").click(position={"x": x * scale, "y": y * scale}, **how)


class RememberingService(Service):
    """A service that keeps the questions that it was asked."""

    def __init__(self, settings):
        super().__init__(settings)
        self.questions = []

    async def answer(self, ask, question, media):
        self.questions.append(question)
        return await super().answer(ask, question, media)


@pytest.fixture(scope="session")
def place():
    with served(RememberingService(load_settings(built_in=True, log="none", concurrency=8))) as running:
        yield running


@pytest.fixture
def last(place):
    """The options of the last question that the service was asked."""
    return lambda: dict(place.service.questions[-1].options)


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM:
        pytest.skip("needs Chromium, none on the path; run: apt-get install chromium, or set PIXWISE_CHROMIUM")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def tab_with(browser, place):
    """Make tabs; at the end none has asked another host, or complained."""
    tabs = []

    def make(**settings):
        settings = {"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **settings}
        context = browser.new_context(**settings)
        context.set_default_timeout(20_000)
        tab = Tab(context.new_page(), place.url)
        tab.page.on("request", lambda request: tab.asked.append(request.url))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.page.on("console", lambda said: _heard(tab, said))
        tabs.append(tab)
        return tab

    yield make
    for tab in tabs:
        tab.page.context.close()
        assert tab.complaints == []
        assert [url for url in tab.asked if not url.startswith((tab.url, "blob:", "data:"))] == []


def _heard(tab, said):
    expected = tab.expected and f"status of {tab.expected}" in said.text
    if said.type in ("error", "warning") and not expected:
        tab.complaints.append(said.text)


@pytest.fixture
def tab(tab_with):
    return tab_with()
