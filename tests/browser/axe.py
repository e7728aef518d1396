"""What axe-core finds on a page, without what Streamlit alone can mend."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe

# The rules of WCAG 2.2 AA, and of the others those that concern headings and names.
_OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
}
_ALWAYS = ("heading-order", "page-has-heading-one", "empty-heading")
"""Rules of lower impact that the pages follow as well."""
# Streamlit's own markup, which no argument of the widget changes: rule, selector of the element, reason.
_STREAMLIT = (
    # Labels of disabled widgets are grey, which WCAG 1.4.3 allows; axe cannot tell, because the visible label is a
    # second one that is hidden from screen readers.
    ("color-contrast", ":is(.stSlider, .stButtonGroup):has(:disabled, [data-disabled]) [data-testid=stWidgetLabel] *"),
    # Streamlit gives code blocks no tab stop; browsers make a box that scrolls and holds no control one by themselves.
    ("scrollable-region-focusable", "[data-testid=stCode] pre"),
    # The same holds for containers, in which wide charts scroll sideways on a phone.
    ("scrollable-region-focusable", ".stVerticalBlock"),
)
_IS_STREAMLIT = "([path, selector]) => Boolean(document.querySelector(path)?.matches(selector))"


def problems(page: Any) -> list[str]:
    """Return what axe finds serious or critical, one line each: rule, element, and what to do.

    Further runs confirm it: parts of the page that rerun by themselves are pale for a moment.
    """
    found = _found(page)
    for pause in (700, 900, 1300):
        if not found:
            break
        page.wait_for_timeout(pause)
        again = _found(page)
        found = [line for line in found if line in again]
    return found


def _found(page: Any) -> list[str]:
    found = []
    for violation in Axe().run(page, None, _OPTIONS).response["violations"]:
        rule, impact = violation["id"], violation["impact"]
        if impact not in ("serious", "critical") and rule not in _ALWAYS:
            continue
        for node in violation["nodes"]:
            path = node["target"][0]
            # Elements of our own components have a path through a shadow root, which is a list.
            if isinstance(path, str) and any(
                rule == theirs and page.evaluate(_IS_STREAMLIT, [path, selector]) for theirs, selector in _STREAMLIT
            ):
                continue
            advice = " ".join(node["failureSummary"].split())
            found.append(f"{rule} ({impact}): {node['html'][:200]} {advice[:300]}")
    return found
