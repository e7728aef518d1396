"""The frame of every page: sidebar and page heading."""

from __future__ import annotations

import streamlit as st
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager

from cityseg.api import DataInfo, Result
from cityseg.api.types import freeze_loaded_objects, is_waiting
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, reveal, session
from cityseg.ui.app.background import duration

_SCENE = """
<clipPath id="frame"><rect width="32" height="32" rx="7"/></clipPath>
<g clip-path="url(#frame)">
<path fill="#4682b4" d="M0 0h32v32H0z"/><path fill="#464646" d="M0 3h9v17H0z"/><path fill="#5c5c66" d="M9 9h5v11H9z"/>
<path fill="#6b8e23" d="M32 6v15H21c0-8 4-15 11-15z"/><path fill="#f423e8" d="M0 20h32v4H0z"/>
<path fill="#804080" d="M12 18h8l12 14H0z"/>
<path fill="#00008e" d="M17 19.5c0-1.5 1-2.5 2.5-2.5h3c1.5 0 2.5 1 2.5 2.5V24h-8z"/>
</g>
"""
ICON = f'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 32 32">{_SCENE}</svg>'
"""A street in the official class colours, for the browser's tab."""
_LOGO = (
    f'<svg xmlns="http://www.w3.org/2000/svg" width="138" height="32" viewBox="0 0 138 32">{_SCENE}'
    '<text x="42" y="23" font-family="system-ui, sans-serif" font-size="21" font-weight="700" letter-spacing="-0.4" '
    'fill="#5b86d8">cityseg</text></svg>'
)
# Streamlit indents a page link's text by its icon; captions below a link get the same indent. The line below a
# metric is a sentence, which has to wrap on a phone. The bar that starts a training stays in sight,
# without hiding the focus, unless the window is as low as a zoomed one. Where Streamlit marks the focus by a change of
# grey that is hard to see, an outline does. Text on the primary colour is white in Streamlit, which is hard to read on
# that of the dark theme.
_STYLE = """<style>
@media (min-height: 480px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-launch_bar) { position: sticky; bottom: 0; z-index: 2; }
  [data-testid="stMain"]:has(.st-key-launch_bar) { scroll-padding-bottom: 6rem; }
}
.st-key-launch_bar { padding: 0.75rem 0; background: BACKGROUND; }
[data-testid="stBaseButton-primary"]:enabled, [data-tag], [data-tag] * { color: ON_PRIMARY; }
.st-key-ways [data-testid="stCaptionContainer"] { padding-left: 2.15rem; }
[class*="st-key-queue_row_"], [class*="st-key-preset_row_"] { flex-wrap: nowrap; }
[data-testid="stMetricDelta"], [data-testid="stMetricDelta"] :is(div, p) { white-space: normal; overflow: visible; }
:is([data-testid="stSidebarNavLink"], [data-testid="stPageLink-NavLink"], [data-testid="stElementToolbarButton"],
  [data-testid="stElementToolbar"] button):focus-visible, label:has([role="switch"]:focus-visible),
  [data-testid="stDataFrame"]:has(:focus-visible) { outline: 2px solid PRIMARY; outline-offset: 2px; }
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation-duration: 1ms !important; animation-delay: 0s !important;
    animation-iteration-count: 1 !important; transition: none !important; scroll-behavior: auto !important; }
}
</style>"""
_COLORS = ("background", "primary")
_POLL_SECONDS = 3.0
_NAVIGATION = "client.showSidebarNavigation"


def sidebar() -> None:
    """Show the connected dataset, the device and the running trainings; renders the synthetic dataset on first use."""
    st.logo(_LOGO, size="large")
    st.html(_style())
    spec = session.data_spec()
    try:
        info = _connect(spec)
        height, width = info.native_size
        with st.sidebar:
            frames = f"{sum(info.frames.values()):,} frames · {width} × {height} px"
            _fact(":material/database:", info.name, frames)
    except CitysegError as error:
        with st.sidebar:
            st.error(f"**No data is connected.** {escape(error)}", icon=":material/link_off:")
            connect_link()
    with st.sidebar:
        device = cache.device()
        no_gpu = "no GPU found: small models only" if device.kind == "cpu" else ""
        memory = f"{device.memory_bytes / 2**30:.0f} GB of memory" if device.memory_bytes else no_gpu
        _fact(":material/memory:", device.name, memory)
        _trainings()
        session.color_switch()
        reveal.mount()


def _style() -> str:
    """Return the style with colours that follow the theme when the browser changes it without a run of the page."""
    page, primary = ([st.get_option(f"theme.{theme}.{name}Color") for theme in ("light", "dark")] for name in _COLORS)
    style = _STYLE.replace("BACKGROUND", f"light-dark({page[0]}, {page[1]})")
    style = style.replace("ON_PRIMARY", f"light-dark(white, {page[1]})")
    return style.replace("PRIMARY", f"light-dark({primary[0]}, {primary[1]})")


def _connect(spec: str) -> DataInfo:
    """Describe the dataset; a welcome text explains the first rendering of the synthetic one."""
    if cache.is_rendered(spec):
        return cache.data_info(spec)
    place = st.empty()
    with place.container():
        st.title("Welcome to cityseg", anchor=False)
        st.markdown(
            "No dataset is connected yet, so the studio renders a synthetic one: street scenes with the class of every "
            "pixel. This takes less than a minute, once. The Dataset page connects your own folder at any time."
        )
        info = cache.render_and_describe(spec)
    place.empty()
    return info


def _fact(icon: str, name: str, words: str) -> None:
    st.markdown(f"{icon} **{escape(name)}**  \n:small[:gray[{words}]]")


@st.fragment(run_every=_POLL_SECONDS)
def _trainings() -> None:
    """Show a progress bar per running training; a fragment that reruns by itself."""
    queue = cache.queue()
    running = [result for result in cache.results() if result.id in (*queue.running, *queue.starting)]
    if not running and not queue.waiting:
        st.markdown(":material/bedtime: **No training is running**  \n:small[:gray[Start one on the Train page]]")
        return
    st.markdown(f":material/model_training: **{glossary.counted(len(running), 'training')} running**")
    for result in running:
        share, words = training_progress(result)
        st.progress(share, text=f":small[**{escape(result.id)}** · {escape(words)}]")
    if queue.waiting:
        st.markdown(f":small[:gray[{len(queue.waiting)} waiting in the queue]]")


def training_progress(result: Result) -> tuple[float, str]:
    """Return the progress of a run, 0 to 1, and as text with epoch and time left."""
    progress = result.progress
    if result.state == "queued":
        return 0.0, "queued" if is_waiting(result.run.status()) else "starting"
    if not progress or not progress.get("steps"):
        return 0.0, "preparing its data"
    share = min(1.0, progress["step"] / progress["steps"])
    words = f"epoch {progress['epoch']} of {progress['epochs']}"
    left = progress.get("seconds_left")
    return share, f"{words} · {duration(left)} left" if left else words


@st.cache_resource(show_spinner=False, ttl=600)
def settle(page: str) -> None:
    """Freeze the garbage collector after a page, the key of the cache, has loaded.

    Streamlit collects after every script run, and the list of trainings alone reruns every few seconds per session.
    """
    freeze_loaded_objects()


def show_navigation() -> None:
    """Let the sidebar list the pages of ``app.py``, from the first run of a server on.

    Until ``st.navigation`` has run once in a server, Streamlit treats a folder named ``pages`` as an old-style
    multipage app: the sidebar would list its files, so the configuration hides the list, and a link to a page opens it
    without the router. A rerun starts at ``app.py``.
    """
    if PagesManager.uses_pages_directory or config.get_option(_NAVIGATION) is False:
        PagesManager.uses_pages_directory = False
        config.set_option(_NAVIGATION, True)
        st.rerun()


def heading(title: str, question: str) -> None:
    """Show a page's title and the question it answers."""
    show_navigation()
    st.title(title, anchor=False)
    if question:
        st.markdown(f":gray[{question}]")


def connected() -> DataInfo:
    """Describe the connected dataset; without one, show the error with a link to connect one and stop."""
    try:
        return cache.render_and_describe(session.data_spec())
    except CitysegError as error:
        st.error(f"The data cannot be opened. {escape(error)}", icon=":material/link_off:")
        st.markdown("Connect another folder, or use the synthetic dataset, which needs no download:")
        connect_link()
        st.stop()


def connect_link() -> None:
    """Show a link to the page that connects data."""
    st.page_link("pages/dataset.py", label="Connect data", icon=":material/add_link:")
