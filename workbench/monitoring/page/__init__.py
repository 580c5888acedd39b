"""The monitor as a page: the verdict first, then alerts, pictures, and every figure for who wants it.

:func:`render` gives one HTML file that runs no script and fetches nothing; :func:`monitor_page` the same in
parts, which :func:`workbench.registry.card.markdown.as_markdown` can show, too.
"""

from __future__ import annotations

from workbench.monitoring.page.composing import monitor_page, render

__all__ = ["monitor_page", "render"]
