"""A grid of thumbnails to choose a frame from by clicking."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image


@dataclass(frozen=True)
class Thumbnail:
    """One cell of the grid: its name, two lines under the image, and the image as ``encode_thumbnail`` returns it."""

    name: str
    title: str
    note: str
    source: str


_CSS = """
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--cell, 150px), 1fr)); gap: 10px;
  font: 400 13px/1.3 var(--st-font, system-ui, sans-serif); color: var(--st-text-color, #222); }
.gallery button { display: block; min-width: 0; margin: 0; padding: 0 0 6px; border: 0; border-radius: 9px;
  background: none; color: inherit; font: inherit; text-align: left; cursor: pointer; }
.gallery img { display: block; width: 100%; object-fit: fill; border-radius: 8px; transition: filter 120ms;
  background: var(--st-secondary-background-color, #eee); }
.gallery button:hover img { filter: brightness(1.12); }
.gallery button[aria-pressed="true"] img { outline: 3px solid var(--st-primary-color, #2456c9); outline-offset: 1px; }
.gallery button:focus-visible { outline: 2px solid var(--st-primary-color, #2456c9); outline-offset: 2px; }
.gallery span { display: block; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; padding: 0 2px; }
.gallery .title { margin-top: 5px; font-weight: 600; font-size: 12.5px; }
.gallery .note { font-size: 12px; opacity: 0.7; }
.gallery span:empty { display: none; }
@media (prefers-reduced-motion: reduce) { .gallery img { transition: none; } }
@media (max-width: 640px) {
  .gallery { grid-template-columns: repeat(auto-fill, minmax(min(var(--narrow, 104px), 100%), 1fr)); gap: 8px; }
}
"""

_JS = """
export default function mount({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector(".gallery");
  if (!root) {
    root = Object.assign(document.createElement("div"), { className: "gallery", role: "group" });
    parentElement.appendChild(root);
  }
  root.setAttribute("aria-label", data.label);
  root.style.setProperty("--cell", `${data.cell}px`);
  root.style.setProperty("--narrow", `${data.narrow}px`);
  const cells = data.thumbnails.map((thumbnail) => {
    let cell = [...root.children].find((old) => old.dataset.name === thumbnail.name);
    if (!cell) {
      cell = Object.assign(document.createElement("button"), { type: "button" });
      cell.innerHTML = '<img><span class="title"></span><span class="note"></span>';
    }
    cell.dataset.name = thumbnail.name;
    cell.title = thumbnail.name;
    const [image, title, note] = cell.children;
    if (image.getAttribute("src") !== thumbnail.source) image.src = thumbnail.source;
    image.alt = `Frame ${thumbnail.name}`;
    image.style.aspectRatio = data.aspect;
    title.textContent = thumbnail.title;
    note.textContent = thumbnail.note;
    cell.setAttribute("aria-pressed", String(thumbnail.name === data.chosen));
    cell.onclick = () => {
      // Mark the cell at once; the page follows when Python has answered.
      for (const other of root.children) other.setAttribute("aria-pressed", String(other === cell));
      setTriggerValue("chosen", thumbnail.name);
      const target = data.target ? document.querySelector(`.st-key-${data.target}`) : null;
      const box = target?.getBoundingClientRect();
      if (box && (box.bottom < 80 || box.top > innerHeight - 80)) {
        const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
        target.style.scrollMarginTop = "64px";
        target.scrollIntoView({ behavior: still ? "instant" : "smooth" });
      }
    };
    return cell;
  });
  if (cells.length === root.children.length && cells.every((cell, place) => cell === root.children[place])) return;
  const focused = root.getRootNode().activeElement;
  root.replaceChildren(...cells);
  if (cells.includes(focused)) focused.focus({ preventScroll: true });
}
"""

_mount = st.components.v2.component("cityseg_gallery", css=_CSS, js=_JS)


def encode_thumbnail(photo: np.ndarray, quality: int = 82) -> str:
    """Return a (H, W, 3) uint8 image as a JPEG in a ``data:`` URL."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(photo)).save(file, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def gallery(
    thumbnails: Sequence[Thumbnail],
    *,
    key: str,
    label: str,
    chosen: str | None = None,
    aspect: float = 2.0,
    cell: int = 150,
    narrow: int = 104,
    target: str = "",
) -> str | None:
    """Show thumbnails in as many columns as fit.

    Args:
        thumbnails: cells in reading order; names must differ.
        key, label: see the package.
        chosen: name of the cell to mark.
        aspect: width over height at which every image is shown.
        cell, narrow: minimum width of a cell in pixels, on a wide screen and on a phone.
        target: key of the container that shows the chosen frame; a click scrolls it into view.

    Returns:
        The name of the thumbnail clicked in this run, else None.
    """
    cells = [vars(thumbnail) for thumbnail in thumbnails]
    sizes = {"aspect": f"{aspect:.4f}", "cell": cell, "narrow": narrow}
    data = {"thumbnails": cells, "label": label, "chosen": chosen, "target": target, **sizes}
    # Streamlit reports only events that have a callback.
    value: str | None = _mount(key=key, data=data, on_chosen_change=lambda: None).get("chosen")
    return value if value in {thumbnail.name for thumbnail in thumbnails} else None
