// The controls around the image: toolbar, layer choices, legend and tooltip.

const NOT_SCORED = "not scored";
const KEYS = [
  ["← →", "move the slider, or previous and next image"],
  ["+ −", "more or less opacity"],
  ["o", "fill or outline"],
  ["s", "slider on or off"],
  ["0", "whole image"],
  ["f", "full screen"],
  ["wheel", "zoom at the pointer"],
  ["drag", "move the image, or the slider"],
  ["Shift + ← → ↑ ↓", "read another pixel"],
  ["Enter", "choose the pixel"],
  ["Shift + Enter", "show the class alone"],
];

/** Per cent without the sign; 0 is a dash, and a small positive share is not 0. */
function percent(share) {
  if (!share) return "–";
  if (share < 0.0005) return "<0.1";
  return share >= 0.0995 ? String(Math.round(share * 100)) : (share * 100).toFixed(1);
}

const rgb = (color) => `rgb(${color.join(" ")})`;

const meaningOf = (layer, value) => (value === VOID ? NOT_SCORED : (layer.names[value] ?? `value ${value}`));

function element(tag, className, ...content) {
  const node = Object.assign(document.createElement(tag), { className });
  node.append(...content);
  return node;
}

function button(className, onClick, ...content) {
  const node = Object.assign(element("button", className, ...content), { type: "button" });
  node.addEventListener("click", onClick);
  return node;
}

/** Connect the toolbar once; every handler changes state, and `refresh` updates the controls. */
function bindControls(viewer) {
  const { $ } = viewer;
  const on = (selector, type, handler) => $(selector).addEventListener(type, handler);
  on(".previous", "click", () => viewer.report("previous"));
  on(".next", "click", () => viewer.report("next"));
  on(".split", "click", () => viewer.toggleSplit());
  on(".fill", "click", () => viewer.share({ outline: false }));
  on(".outline", "click", () => viewer.share({ outline: true }));
  on(".opacity input", "input", (event) => viewer.share({ opacity: event.target.value / 100 }));
  on(".palette", "click", () => viewer.nextPalette());
  on(".zoom-in", "click", () => viewer.zoomAt(1.5));
  on(".zoom-out", "click", () => viewer.zoomAt(1 / 1.5));
  on(".zoom-reset", "click", () => viewer.resetZoom());
  on(".left", "change", (event) => viewer.choose("left", event.target.value));
  on(".right", "change", (event) => viewer.choose("right", event.target.value));
  on(".full", "click", () => toggleFullScreen(viewer.root));
  $(".full").hidden = !document.fullscreenEnabled;
  on(".help", "click", () => toggleKeys(viewer));
  on(".legend", "keydown", onLegendKey);
  on(".legend", "focusin", ({ currentTarget, target }) => target.matches(".only") || setLegendStop(currentTarget, target));
  for (const [key, meaning] of KEYS) $(".keys").append(element("dt", "", key), element("dd", "", meaning));
}

function toggleFullScreen(root) {
  if (root.getRootNode().fullscreenElement === root) document.exitFullscreen();
  else if (document.fullscreenEnabled) root.requestFullscreen();
}

function toggleKeys({ $ }, open = $(".keys").hidden) {
  $(".keys").hidden = !open;
  $(".help").setAttribute("aria-expanded", String(open));
}

/** Update every control and data attribute from the state. */
function syncControls(viewer) {
  const { $, root, shared, own, header } = viewer;
  const shown = own.split ? own.left : own.single;
  const press = (selector, pressed) => $(selector).setAttribute("aria-pressed", String(pressed));
  const opacity = Math.round(shared.opacity * 100);
  $(".opacity input").value = opacity;
  $(".opacity input").style.setProperty("--filled", `${opacity}%`);
  $(".opacity output").textContent = `${opacity} %`;
  press(".split", own.split);
  press(".fill", !shared.outline);
  press(".outline", shared.outline);
  press(".palette", shared.palette === header.palettes[1].name);
  $(".navigation").hidden = !header.navigation;
  $(".zoom-reset").hidden = shared.zoom <= 1;
  $(".zoom-reset").textContent = `${shared.zoom.toFixed(1)}×`;
  $(".zoom-out").disabled = shared.zoom <= 1;
  for (const selector of [".pick-left", ".split", ".drawing", ".palette", ".opacity"]) {
    $(selector).hidden = viewer.layers.length === 0;
  }
  syncChoice($(".left"), viewer, shown);
  syncChoice($(".right"), viewer, own.right);
  $(".pick-left .hidden-text").textContent = own.split ? "Left of the slider" : "Layer";
  $(".pick-right").hidden = !own.split;
  syncDivider(viewer);
  syncLegend(viewer);
  Object.assign(root.dataset, {
    key: header.key,
    mark: own.mark?.join(",") ?? "",
    opacity: shared.opacity.toFixed(2),
    zoom: shared.zoom.toFixed(2),
    mode: shared.outline ? "outline" : "fill",
    palette: shared.palette,
    split: own.split ? (own.position * 100).toFixed(1) : "off",
    left: shown,
    right: own.split ? own.right : "",
    hiddenClasses: [...shared.hidden].sort().join(","),
  });
}

function syncDivider({ $, own }) {
  const divider = $(".divider");
  divider.hidden = !own.split;
  divider.style.left = `${own.position * 100}%`;
  divider.setAttribute("aria-label", `Split between ${own.left} and ${own.right}`);
  divider.setAttribute("aria-valuenow", String(Math.round(own.position * 100)));
}

function syncChoice(select, viewer, chosen) {
  const names = [PHOTO, ...viewer.layers.map((layer) => layer.name)];
  if (select.dataset.names !== JSON.stringify(names)) {
    select.dataset.names = JSON.stringify(names);
    select.replaceChildren(...names.map((name) => new Option(name, name)));
  }
  select.value = chosen;
}

/**
 * The classes of the shown layers, largest first: {name, color, shares: one per layer, null if it lacks the class}.
 * A class's share is that of the scored pixels, as everywhere in the studio; void's is that of all pixels.
 */
function presentClasses(viewer) {
  const layers = viewer.shownLayers().filter((layer) => !layer.scale);
  const found = new Map();
  layers.forEach((layer, position) => {
    const total = layer.map.values.length;
    const scored = total - layer.map.counts[VOID];
    layer.map.counts.forEach((count, value) => {
      if (!count) return;
      const name = meaningOf(layer, value);
      const entry = found.get(name) ?? { name, color: null, shares: layers.map((other) => initialShare(other, name)) };
      entry.color = value === VOID ? null : viewer.colorsOf(layer)[value];
      entry.shares[position] = count / (value === VOID ? total : scored);
      found.set(name, entry);
    });
  });
  const order = (entry) => (entry.name === NOT_SCORED ? -1 : Math.max(...entry.shares));
  return { layers, classes: [...found.values()].sort((a, b) => order(b) - order(a)) };
}

const initialShare = (layer, name) => (name === NOT_SCORED || layer.names.includes(name) ? 0 : null);

/** Rebuild the legend only when its classes change, so that a pressed chip keeps its focus. */
function syncLegend(viewer) {
  const legend = viewer.$(".legend");
  const { layers, classes } = presentClasses(viewer);
  const scales = viewer.shownLayers().filter((layer) => layer.scale);
  const signature = JSON.stringify([layers.map((l) => l.name), classes.map((c) => [c.name, c.shares]), scales.map((l) => l.name)]);
  legend.hidden = !viewer.header.legend || classes.length + scales.length === 0;
  if (legend.dataset.signature !== signature) {
    legend.dataset.signature = signature;
    const chips = classes.map((entry) => buildChip(viewer, entry, layers));
    const focused = legend.getRootNode().activeElement?.closest?.(".chip")?.dataset.class;
    legend.replaceChildren(...(classes.length ? [buildFilter(viewer, classes)] : []), ...chips, ...scales.map(buildScale));
    const stops = legendStops(legend);
    const former = focused && stops.find((stop) => stop.parentElement.dataset.class === focused);
    setLegendStop(legend, former || stops[0]);
    former?.focus({ preventScroll: true });
  }
  for (const entry of classes) {
    const chip = legend.querySelector(`[data-class="${CSS.escape(entry.name)}"]`);
    if (entry.color) chip.style.setProperty("--swatch", rgb(entry.color));
    chip.querySelector("button.toggle")?.setAttribute("aria-pressed", String(!viewer.shared.hidden.has(entry.name)));
  }
}

/** The buttons of the legend that the arrow keys lead to; one of them is a tab stop. */
const legendStops = (legend) => [...legend.querySelectorAll("button:not(.only)")];

function setLegendStop(legend, stop) {
  legendStops(legend).forEach((other) => (other.tabIndex = other === stop ? 0 : -1));
}

/** Arrow keys, Home and End move between the classes; Shift and Enter show one alone. */
function onLegendKey(event) {
  const { key, shiftKey, ctrlKey, metaKey, altKey } = event;
  const stops = legendStops(event.currentTarget);
  const at = stops.indexOf(event.target);
  if (at < 0 || ctrlKey || metaKey || altKey) return;
  const [step, last] = [{ ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key], stops.length - 1];
  const next = key === "Home" ? 0 : key === "End" ? last : step && Math.min(last, Math.max(0, at + step));
  if (next !== undefined && !shiftKey) stops[next].focus();
  else if (key === "Enter" && shiftKey) event.target.parentElement.querySelector(".only")?.click();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function buildFilter(viewer, classes) {
  const hide = (entries) => viewer.share({ hidden: new Set(entries.map((entry) => entry.name)) });
  const all = button("show-all", () => hide([]), "all");
  return element("span", "filter", all, button("show-none", () => hide(classes), "none"));
}

function buildChip(viewer, entry, layers) {
  const known = layers.map((layer, i) => [layer.name, entry.shares[i]]).filter(([, share]) => share !== null);
  const shares = element("span", "share", [...new Set(known.map(([, share]) => percent(share)))].join(" | ") + " %");
  const listed = known.map(([name, share]) => `${name} ${percent(share)} %`).join(", ");
  const parts = [element("span", "swatch"), element("span", "name", entry.name), shares];
  const chip = element("span", "chip");
  chip.dataset.class = entry.name;
  if (!entry.color) {
    chip.append(element("span", "toggle void", ...parts));
    chip.firstChild.title = `Void, left out of training and scores: ${listed}`;
    return chip;
  }
  const isolate = () => viewer.isolate(entry.name);
  const toggle = button("toggle", () => viewer.toggleClass(entry.name), ...parts);
  toggle.title = `${entry.name}: ${listed} of the pixels. Click to hide or show, double-click or Shift and Enter to see it alone.`;
  toggle.setAttribute("aria-keyshortcuts", "Shift+Enter");
  toggle.addEventListener("dblclick", isolate);
  const only = button("only", isolate, "only");
  only.setAttribute("aria-label", `only ${entry.name}`);
  only.tabIndex = -1;
  chip.append(toggle, only);
  return chip;
}

function buildScale(layer) {
  const ramp = element("span", "ramp");
  const colors = quantityColors().filter((_, i) => i % 42 === 0);
  ramp.style.background = `linear-gradient(90deg, ${colors.map(rgb).join(", ")})`;
  const [low, high] = layer.scale;
  return element("span", "scale", element("span", "", `${layer.name}: ${low}`), ramp, element("span", "", high));
}

function hideTip({ $ }) {
  $(".tip").hidden = true;
}

/** Show the value of every layer at photo position (u, v), both 0 to 1, in a tooltip beside a place of the window. */
function showTip(viewer, { clientX, clientY }, { u, v }) {
  const { stage, layers } = viewer;
  if (!layers.length) return;
  const tip = viewer.$(".tip");
  tip.replaceChildren(...layers.map((layer) => tipRow(viewer, layer, u, v)));
  tip.hidden = false;
  const box = stage.getBoundingClientRect();
  const [x, y] = [clientX - box.left, clientY - box.top];
  const flipX = x + 16 + tip.offsetWidth > stage.clientWidth;
  const flipY = y + 18 + tip.offsetHeight > stage.clientHeight;
  const left = flipX ? Math.max(4, x - 12 - tip.offsetWidth) : x + 14;
  const top = flipY ? Math.max(4, y - 12 - tip.offsetHeight) : y + 16;
  tip.style.transform = `translate(${left}px, ${top}px)`;
}

function tipRow(viewer, layer, u, v) {
  const value = valueAt(layer.map, u, v);
  const known = value !== VOID;
  const swatch = element("span", "swatch");
  const color = viewer.colorsOf(layer)[value];
  if (known && color) swatch.style.setProperty("--swatch", rgb(color));
  const meaning = layer.scale && known ? `${Math.round((value / 254) * 100)} %` : meaningOf(layer, value);
  const parts = [swatch, element("span", "layer", `${layer.name}: `), element("span", "meaning", meaning)];
  if (layer.confidence && known) parts.push(element("span", "share", ` ${valueAt(layer.confidence, u, v)} %`));
  return element("div", "row", ...parts);
}

/** The value of a map at photo position (u, v) inside the photo. */
const valueAt = ({ width, height, values }, u, v) => values[Math.floor(v * height) * width + Math.floor(u * width)];

/** The alternative text: the page's sentence and the largest classes of the front layer. */
function describe(viewer) {
  const { layers, classes } = presentClasses(viewer);
  const front = layers.length - 1;
  const largest = classes
    .filter((entry) => entry.color && entry.shares[front] > 0)
    .sort((a, b) => b.shares[front] - a.shares[front])
    .slice(0, 4)
    .map((entry) => `${entry.name} ${percent(entry.shares[front])} %`);
  const classList = largest.length ? ` Largest classes in ${layers[front].name}: ${largest.join(", ")}.` : "";
  return viewer.header.alt + classList;
}
