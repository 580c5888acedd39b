"""Pictures that tests leave for a person who wants to know what they saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_TRIES = 3


def take_picture(page: Page, path: Path, *, full_page: bool = False) -> None:
    """A screenshot of `page` at `path`.

    On a busy machine Chromium now and then refuses one capture ("Unable to capture screenshot") and takes the
    same picture when asked again (robotframework-browser, issue 5237). That says nothing of the page:
    it is asked again.
    """
    from playwright.sync_api import Error

    for left in reversed(range(_TRIES)):
        try:
            page.screenshot(path=path, full_page=full_page)
            return
        except Error as refused:
            if not left or "Unable to capture screenshot" not in refused.message:
                raise
