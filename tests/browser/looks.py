"""A panel on small and large screens, in light and in dark: it can be read, and nothing is cut off."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.pictures import take_picture

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = ["check_looks"]

_WIDTHS, _HEIGHT = (1280, 1920), 1000
_THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
# Less than the 4.5 that WCAG asks of small text: what JupyterLab itself draws on its buttons has no more.
_CONTRAST = 2.5
_CHANGE = """theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"""
_CHANGED = """light => document.body.dataset.jpThemeLight === light
  && !document.getElementById('jupyterlab-splash')"""
# The contrast of WCAG 2.1 between a text and what is painted behind it, opacities among that; and what stands
# out of the panel to the side, where none of its own boxes scrolls.
_LOOK = """(panel, least) => {
  const rgba = colour => {
    const found = colour.match(/[\\d.]+/g).map(Number);
    return [...found.slice(0, 3), found.length > 3 ? found[3] : 1];
  };
  const over = (top, below, alpha) =>
    top.slice(0, 3).map((part, at) => part * alpha + below[at] * (1 - alpha));
  const chain = element => {
    const found = [];
    for (let each = element; each; each = each.parentElement) found.unshift(each);
    return found;
  };
  const behind = element => chain(element).reduce((below, each) => {
    const own = rgba(getComputedStyle(each).backgroundColor);
    return over(own, below, own[3]);
  }, [255, 255, 255]);
  const light = colour => {
    const [red, green, blue] = colour.map(part => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = element => {
    const back = behind(element);
    const opacity = chain(element).reduce((all, each) => all * getComputedStyle(each).opacity, 1);
    const ink = rgba(getComputedStyle(element).color);
    const pair = [light(over(ink, back, ink[3] * opacity)), light(back)];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  };
  const right = panel.getBoundingClientRect().right;
  const scrolls = element => chain(element).some(each => panel.contains(each) && each !== element
    && ['auto', 'scroll', 'hidden'].includes(getComputedStyle(each).overflowX));
  const seen = [...panel.querySelectorAll('*')].filter(each => each.getClientRects().length
    && !each.closest('iframe, svg, :disabled'));
  const texts = seen.filter(each => [...each.childNodes].some(
    node => node.nodeType === Node.TEXT_NODE && node.textContent.trim()));
  const told = each => `${each.tagName} ${each.textContent.trim().slice(0, 40)}`;
  return {
    texts: texts.length,
    faint: texts.filter(each => contrast(each) < least)
      .map(each => `${told(each)}: ${contrast(each).toFixed(2)}`),
    cut: seen.filter(each => each.getBoundingClientRect().right > right + 1 && !scrolls(each)).map(told),
  };
}"""


def check_looks(panel: Locator, folder: Path, name: str) -> None:
    """Look at a panel on two screens in two themes, leave a picture of each, and the page as it was."""
    page = panel.page
    before = page.viewport_size
    for theme, width in product(_THEMES, _WIDTHS):
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        page.evaluate(_CHANGE, _THEMES[theme])
        page.wait_for_function(_CHANGED, arg=str(theme == "light").lower())
        take_picture(page, folder / f"{name}-{theme}-{width}.png")
        found = panel.evaluate(_LOOK, _CONTRAST)
        assert found["texts"] > 3, (theme, width)
        assert (found["faint"], found["cut"]) == ([], []), (theme, width)
    page.evaluate(_CHANGE, _THEMES["light"])
    page.wait_for_function(_CHANGED, arg="true")
    if before:
        page.set_viewport_size(before)
