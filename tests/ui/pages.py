"""Pages of the app in Streamlit's test client."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"


def open_page(page: str, **parameters: str) -> AppTest:
    """Open a page by its name, with these parameters in its URL."""
    app = AppTest.from_file(str(APP), default_timeout=120)
    for name, value in parameters.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception[0].message
    return app


def words(app: AppTest) -> str:
    """Return all sentences of the page."""
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return " ".join(element.value for kind in kinds for element in kind)


def help_texts(app: AppTest) -> str:
    """Return the texts behind the help icons of titles and sentences."""
    kinds = (app.markdown, app.caption, app.header)
    return " ".join(element.proto.help for kind in kinds for element in kind)


def url_parameter(app: AppTest, name: str) -> str:
    """Return a parameter of the page's URL."""
    return url_parameters(app)[name]


def url_parameters(app: AppTest) -> dict[str, str]:
    """Return the parameters of the page's URL.

    The browser puts them there by itself when a page is opened, so ``app.query_params`` does not have them all.
    """
    parameters: dict[str, str] = app.session_state["visit"].parameters()
    return parameters


def labelled(elements: Iterable[Any], label: str) -> Any:
    """Return the only element with this label."""
    [found] = [element for element in elements if element.label == label]
    return found
