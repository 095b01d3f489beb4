"""Debian's Chromium on the live page of real nodes; whatever it should not do is remembered."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

CHROMIUM: Final = "/usr/bin/chromium"

SHOTS: Final = os.environ.get("PAGE_SHOTS", "")
"""A folder in which pictures of the page are left, for people to look at."""


def there() -> bool:
    """Whether Debian's Chromium is installed."""
    return shutil.which(CHROMIUM) is not None


def launched(playwright: Playwright) -> Browser:
    """A browser without a window."""
    # Chromium's own sandbox needs what a container's root has not; the pages are ours.
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


class Looking:
    """A page that is looked at, and what went wrong on it: `problems` of its console, violations
    of its policy, and `strays`, requests to anywhere but its node."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.problems: list[str] = []
        self.strays: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)
        page.on("dialog", lambda dialog: self.problems.append(f"dialog: {dialog.message}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.base}/", f"blob:{self.base}/")):
            self.strays.append(request.url)

    def go(self, where: str = "") -> None:
        """Open a part of the page."""
        self.page.goto(f"{self.base}/{where}")

    def shot(self, name: str, *, whole: bool = True) -> None:
        """Leave a picture, where they are wanted."""
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=whole)


@contextmanager
def looking(
    browser: Browser, base: str, *, expected: tuple[str, ...] = (), **options: Any
) -> Iterator[Looking]:
    """A page in a context of its own, sound at its end but for problems that hold one of
    `expected`."""
    context = browser.new_context(**{"viewport": {"width": 1360, "height": 900}, **options})
    try:
        look = Looking(context.new_page(), base)
        yield look
        assert not look.strays, look.strays
        rest = [one for one in look.problems if not any(part in one for part in expected)]
        assert not rest, rest
    finally:
        context.close()


def asked(base: str, question: str, *, key: str = "", **more: Any) -> str:
    """Open a deliberation; its task."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    body = {"question": question, **more}
    reply = httpx.post(f"{base}/v1/deliberations", json=body, headers=headers)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["task"])
