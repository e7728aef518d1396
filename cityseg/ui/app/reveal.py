"""Scrolling to a part of the page that a click elsewhere on the page has changed.

Only ``request`` scrolls, once: a first visit, a rerun for another reason, Back and Forward leave the page where it is.
"""

from __future__ import annotations

import uuid

import streamlit as st

_REQUEST = "part of the page to reveal"
# The part may appear only when the script has come to it. Whoever scrolls or types in the meantime is left alone.
_JS = """
const PATIENCE_MS = 15000;
const HEADER_PX = 64;

export default function ({ data }) {
  if (!data || data.token === window.citysegRevealed) return;
  window.citysegRevealed = data.token;
  const started = performance.now();
  const events = ["wheel", "touchmove", "keydown", "pointerdown"];
  let waiting = true;
  const stop = () => {
    waiting = false;
    for (const event of events) removeEventListener(event, stop);
  };
  for (const event of events) addEventListener(event, stop, { passive: true });
  const seek = () => {
    if (!waiting) return;
    const part = document.querySelector(`.st-key-${data.part}`);
    if (!part) {
      if (performance.now() - started < PATIENCE_MS) setTimeout(seek, 100);
      else stop();
      return;
    }
    stop();
    const { top } = part.getBoundingClientRect();
    if (top >= HEADER_PX && top < innerHeight / 2) return;
    part.style.scrollMarginTop = `${HEADER_PX}px`;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    part.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
  };
  seek();
}
"""
_mount = st.components.v2.component("cityseg_reveal", js=_JS)


def request(part: str) -> None:
    """Scroll to the container with the key ``part`` in the next run of the whole page."""
    st.session_state[_REQUEST] = {"part": part, "token": uuid.uuid4().hex}


def mount() -> None:
    """Place the component that scrolls; once per run, before the page, so that it need not wait for the whole page."""
    _mount(key="reveal", data=st.session_state.get(_REQUEST), height=0)
