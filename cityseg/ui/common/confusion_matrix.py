"""A confusion matrix with clickable cells.

A component of its own because Plotly redraws the whole chart when the marked cell changes. It is an ARIA grid: one tab
stop, arrow keys between its cells, and a sentence per cell for screen readers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.ui.app import session

_CSS = """
.matrix { font: 400 12.5px/1.25 var(--st-font, system-ui, sans-serif); color: var(--st-text-color, #222); }
.matrix .axis { text-align: center; opacity: 0.8; margin: 0 0 4px; }
/* On a phone the cells keep a size that a finger hits, and the grid scrolls in this box. */
.matrix .box { position: relative; overflow-x: auto; padding: 3px; scroll-padding-left: 120px; }
.matrix .grid { display: grid; grid-template-columns: max-content repeat(var(--n), minmax(24px, 1fr)); gap: 1px; }
.matrix [role="row"] { display: contents; }
.matrix .row { position: sticky; z-index: 2; left: -3px; padding: 0 6px 0 3px; text-align: right; line-height: 24px;
  align-self: stretch; align-content: center; white-space: nowrap; background: var(--st-background-color, #fff); }
.matrix .column { writing-mode: vertical-rl; transform: rotate(180deg); justify-self: center; padding: 4px 0 0;
  white-space: nowrap; }
.matrix .corner { align-self: start; }
.matrix .lit { font-weight: 700; }
.matrix .swatch { display: inline-block; width: 9px; height: 9px; border-radius: 3px; border: 1px solid #7d8896; }
.matrix .row .swatch { margin-left: 6px; }
.matrix .column .swatch { margin-top: 6px; }
.matrix .cell { display: grid; place-items: center; aspect-ratio: 1; min-width: 0; max-height: 34px; width: 100%;
  border-radius: 2px; font-size: 11px; line-height: 1; cursor: pointer; font-variant-numeric: tabular-nums;
  --color: color-mix(in srgb, #2f7de1 calc(var(--strength) * 100%), var(--st-background-color, #fff));
  background: var(--color); color: lab(from var(--color) calc((49.4 - l) * 1000) 0 0); }
.matrix .cell[aria-disabled="true"] { cursor: default; }
.matrix .cell:not([aria-disabled="true"]):hover { outline: 2px solid #7d8896; }
.matrix .cell[aria-selected="true"] { outline: 3px solid #e5752b; position: relative; z-index: 1; }
.matrix .cell:focus-visible { outline: 3px solid var(--st-primary-color, #2456c9); position: relative; z-index: 1;
  box-shadow: 0 0 0 5px var(--st-background-color, #fff); }
.matrix .said { min-height: 1.4em; margin: 8px 0 0; font-size: 13.5px; }
@media (max-width: 640px) {
  .matrix .row { font-size: 11px; }
  .matrix .row .swatch { display: none; }
}
"""
"""The figure in a cell is white on dark cells and black on light ones: L* 49.4 has the same contrast with both, 4.6."""

_JS = """
// Small shares matter most, so the colour rises steeply at the low end.
const STOPS = [[0, 0.05], [5, 0.25], [25, 0.55], [60, 0.85], [100, 1]];
const HINT = "Point at a cell or use the arrow keys to read it; click it or press Enter to see its frames.";

function strength(percent) {
  const above = STOPS.findIndex(([at]) => percent <= at);
  if (above <= 0) return STOPS[0][1];
  const [[x0, y0], [x1, y1]] = [STOPS[above - 1], STOPS[above]];
  return y0 + ((percent - x0) / (x1 - x0)) * (y1 - y0);
}

function build(root, data) {
  root.style.setProperty("--n", data.names.length);
  const swatch = '<span class="swatch"></span>';
  const heads = data.names.map((name) => `<span class="column" role="columnheader">${swatch}${name}</span>`);
  const rows = data.names.map((truth, i) => {
    const cells = data.names.map((_, j) => `<span class="cell" role="gridcell" data-cell="${i} ${j}"></span>`);
    return `<div role="row"><span class="row" role="rowheader">${truth}${swatch}</span>${cells.join("")}</div>`;
  });
  root.innerHTML = `<p class="axis" aria-hidden="true">predicted class →</p>
    <div class="box"><div class="grid" role="grid">
      <div role="row"><span class="row corner" role="columnheader">ground truth ↓</span>${heads.join("")}</div>
      ${rows.join("")}
    </div></div>
    <p class="said" aria-hidden="true"></p>`;
}

/** The cell that a key leads to from [i, j], or null. */
function target({ key, ctrlKey }, i, j, last) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  if (key === "Home") return [ctrlKey ? 0 : i, 0];
  if (key === "End") return [ctrlKey ? last : i, last];
  if (!steps[key] || ctrlKey) return null;
  return [i, j].map((place, axis) => Math.min(last, Math.max(0, place + steps[key][axis])));
}

export default function mount({ data, parentElement, setTriggerValue }) {
  let root = parentElement.querySelector(".matrix");
  if (!root) {
    root = Object.assign(document.createElement("div"), { className: "matrix" });
    root.dataset.testid = "cityseg-matrix";
    parentElement.appendChild(root);
    build(root, data);
  }
  const grid = root.querySelector(".grid");
  grid.setAttribute("aria-label", `${data.label}. Rows: ground truth; columns: predicted class.`);
  const count = data.names.length;
  const [rows, columns] = ["rowheader", "columnheader"].map((role) => [...root.querySelectorAll(`[role=${role}]`)]);
  columns.shift();
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
  const cells = [...root.querySelectorAll(".cell")];
  // One cell is a tab stop: the one that had the focus last, at first the chosen one.
  const stop = (cell) => cells.forEach((other) => (other.tabIndex = other === cell ? 0 : -1));
  cells.forEach((cell, index) => {
    const [i, j] = [Math.floor(index / count), index % count];
    const percent = data.percent[i][j];
    const isOpen = i !== j && data.counts[i][j] > 0;
    cell.style.setProperty("--strength", percent === null ? 0 : strength(percent));
    cell.textContent = percent !== null && percent >= 0.5 ? Math.round(percent) : "";
    cell.setAttribute("aria-disabled", String(!isOpen));
    cell.setAttribute("aria-selected", String(data.chosen?.join() === [i, j].join()));
    cell.setAttribute("aria-label", sentence(i, j));
    cell.onpointerenter = () => say(i, j);
    cell.onfocus = () => {
      stop(cell);
      say(i, j);
    };
    cell.onclick = () => {
      if (!isOpen) return;
      // The mark moves at once; the page follows after the rerun.
      cells.forEach((other) => other.setAttribute("aria-selected", String(other === cell)));
      setTriggerValue("chosen", [i, j]);
    };
    cell.onkeydown = (event) => {
      const next = target(event, i, j, count - 1);
      if (next) cells[next[0] * count + next[1]].focus();
      else if (event.key === "Enter" || event.key === " ") cell.click();
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
  });
  const [i, j] = data.chosen ?? [0, 0];
  if (!cells.some((cell) => cell.tabIndex === 0)) stop(cells[i * count + j]);
  grid.onpointerleave = rest;
  grid.onfocusout = rest;
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
