"""A confusion matrix with clickable cells.

A component of its own because Plotly redraws the whole chart when the marked cell changes. The cells are buttons, which
keep their state, work by keyboard and have names for screen readers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.ui.app import session

_CSS = """
.matrix { font: 400 12.5px/1.25 var(--st-font, system-ui, sans-serif); color: var(--st-text-color, #222); }
.matrix .axis { text-align: center; opacity: 0.75; margin: 0 0 4px; }
.matrix .grid { display: grid; grid-template-columns: max-content repeat(var(--n), minmax(0, 1fr)); gap: 1px; }
.matrix .row { padding: 0 6px 0 0; text-align: right; align-self: center; white-space: nowrap; }
.matrix .column { writing-mode: vertical-rl; transform: rotate(180deg); justify-self: center; padding: 4px 0 0;
  white-space: nowrap; }
.matrix .lit { font-weight: 700; }
.matrix .swatch { display: inline-block; width: 9px; height: 9px; border-radius: 3px; border: 1px solid #7d8896; }
.matrix .row .swatch { margin-left: 6px; }
.matrix .column .swatch { margin-top: 6px; }
.matrix button { aspect-ratio: 1; min-width: 0; max-height: 34px; width: 100%; margin: 0; padding: 0; border: 0;
  border-radius: 2px; font: 400 11px/1 var(--st-font, system-ui, sans-serif); color: inherit; cursor: pointer;
  overflow: hidden; font-variant-numeric: tabular-nums; }
.matrix button:disabled { cursor: default; }
.matrix button.strong { color: #fff; }
.matrix button:not(:disabled):hover { outline: 2px solid #7d8896; }
.matrix button:focus-visible { outline: 2px solid var(--st-primary-color, #2456c9); }
.matrix button[aria-pressed="true"] { outline: 3px solid #e5752b; position: relative; z-index: 1; }
.matrix .said { min-height: 1.4em; margin: 8px 0 0; font-size: 13.5px; }
@media (max-width: 640px) {
  .matrix { font-size: 10px; }
  .matrix button { font-size: 0; }
  .matrix .row .swatch, .matrix .column .swatch { display: none; }
}
"""

_JS = """
// Small shares matter most, so the colour rises steeply at the low end.
const STOPS = [[0, 0.05], [5, 0.25], [25, 0.55], [60, 0.85], [100, 1]];
const STRONG = 45;
const HINT = "Hover over a cell to read it; click one off the diagonal to see its frames and regions.";

function alpha(percent) {
  const above = STOPS.findIndex(([at]) => percent <= at);
  if (above <= 0) return STOPS[0][1];
  const [[x0, y0], [x1, y1]] = [STOPS[above - 1], STOPS[above]];
  return y0 + ((percent - x0) / (x1 - x0)) * (y1 - y0);
}

function build(root, data) {
  root.style.setProperty("--n", data.names.length);
  const swatch = '<span class="swatch"></span>';
  const heads = data.names.map((name) => `<span class="column">${swatch}${name}</span>`);
  const rows = data.names.map((truth, i) => {
    const cells = data.names.map((_, j) => `<button type="button" data-cell="${i} ${j}"></button>`);
    return `<span class="row">${truth}${swatch}</span>${cells.join("")}`;
  });
  root.innerHTML = `<p class="axis">predicted class →</p>
    <div class="grid" role="group"><span class="row">ground truth ↓</span>${heads.join("")}${rows.join("")}</div>
    <p class="said"></p>`;
}

export default function mount({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector(".matrix");
  if (!root) {
    root = Object.assign(document.createElement("div"), { className: "matrix" });
    root.dataset.testid = "cityseg-matrix";
    parentElement.appendChild(root);
    build(root, data);
  }
  root.querySelector(".grid").setAttribute("aria-label", data.label);
  const count = data.names.length;
  const [rows, columns] = [".grid .row", ".grid .column"].map((name) => [...root.querySelectorAll(name)]);
  rows.shift();
  for (const heads of [rows, columns]) {
    heads.forEach((head, i) => (head.querySelector(".swatch").style.background = data.colors[i]));
  }
  const said = root.querySelector(".said");
  const sentence = (i, j) => {
    if (data.percent[i][j] === null) return `The split has no ${data.names[i]} pixel.`;
    const share = `${data.percent[i][j].toFixed(1)} % of ${data.names[i]} pixels`;
    const predicted = `are ${i === j ? "correctly predicted" : `predicted as ${data.names[j]}`}`;
    return `${share} ${predicted} (${data.counts[i][j].toLocaleString("en")} pixels).`;
  };
  const say = (i, j) => {
    rows.forEach((head, k) => head.classList.toggle("lit", k === i));
    columns.forEach((head, k) => head.classList.toggle("lit", k === j));
    said.textContent = i === null ? HINT : sentence(i, j);
  };
  const rest = () => (data.chosen ? say(...data.chosen) : say(null, null));
  root.querySelectorAll("button").forEach((cell, index) => {
    const [i, j] = [Math.floor(index / count), index % count];
    const percent = data.percent[i][j];
    cell.style.background = percent === null ? "transparent" : `rgba(47, 125, 225, ${alpha(percent)})`;
    cell.textContent = percent !== null && percent >= 0.5 ? Math.round(percent) : "";
    cell.classList.toggle("strong", percent !== null && percent >= STRONG);
    cell.disabled = i === j || !data.counts[i][j];
    cell.setAttribute("aria-pressed", String(data.chosen?.join() === [i, j].join()));
    cell.setAttribute("aria-label", sentence(i, j));
    cell.onpointerenter = cell.onfocus = () => say(i, j);
    cell.onclick = () => {
      // The mark moves at once; the page follows after the rerun.
      root.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", String(other === cell)));
      setTriggerValue("chosen", [i, j]);
    };
  });
  root.querySelector(".grid").onpointerleave = rest;
  root.querySelector(".grid").onfocusout = rest;
  rest();
}
"""

_mount = st.components.v2.component("cityseg_matrix", css=_CSS, js=_JS)


def confusion_matrix(
    confusion: np.ndarray, *, key: str, label: str, chosen: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Show a confusion matrix in per cent of each true class.

    Args:
        confusion: (19, 19) counts, rows = ground truth. A class without ground truth has an empty row.
        key, label: see the package.
        chosen: (true, predicted) train ids of the marked cell.

    Returns:
        The off-diagonal cell clicked in this run, or None.
    """
    counts = np.asarray(confusion)
    percent = [[round(100 * count / sum(row), 3) if sum(row) else None for count in row] for row in counts.tolist()]
    data: dict[str, Any] = {
        "names": list(CLASS_NAMES),
        "colors": [f"rgb({red},{green},{blue})" for red, green, blue in session.palette()[:NUM_CLASSES].tolist()],
        "percent": percent,
        "counts": counts.tolist(),
        "chosen": list(chosen) if chosen else None,
        "label": label,
    }
    # Streamlit reports only events that have a callback.
    return _cell(_mount(key=key, data=data, on_chosen_change=lambda: None).get("chosen"))


def _cell(value: object) -> tuple[int, int] | None:
    """Validate a click from the browser; None if malformed."""
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(part, int | float) for part in value):
        return None
    truth, predicted = int(value[0]), int(value[1])
    classes = range(NUM_CLASSES)
    return (truth, predicted) if truth in classes and predicted in classes and truth != predicted else None
