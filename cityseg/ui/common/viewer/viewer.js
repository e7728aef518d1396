// The viewer: state, drawing, pointers and keys.

const PHOTO = "photo";
const CHANGED = "cityseg-viewer-changed";
const MAX_ZOOM = 32;
const CLICK_SLACK = 4; // pixels a press may move and still be a click
const DOUBLE_CLICK_MS = 260;
const HINT_MS = 1500;

// Kept as long as the browser tab, across reruns, images and pages.
const ownStates = new Map(); // key -> state of one viewer
const sharedStates = new Map(); // channel -> state shared by the viewers of a group
const viewers = new WeakMap(); // root element -> its viewer
let lastNonce = 0;

/** Return the state of a key, `initial` if it has none yet. */
const stored = (states, key, initial) => states.get(key) ?? states.set(key, initial).get(key);

class Viewer {
  constructor(root) {
    this.root = root;
    this.$ = (selector) => root.querySelector(selector);
    this.stage = this.$(".stage");
    this.canvas = this.$("canvas");
    this.context = this.canvas.getContext("2d");
    this.scratch = document.createElement("canvas");
    this.layers = [];
    this.pointers = new Map();
    bindControls(this);
    bindPointers(this);
    root.addEventListener("keydown", (event) => onKey(this, event));
    this.canvas.addEventListener("blur", () => this.dropCursor());
    this.onChanged = (event) => this.onSharedChange(event.detail);
    window.addEventListener(CHANGED, this.onChanged);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.stage);
  }

  dispose() {
    window.removeEventListener(CHANGED, this.onChanged);
    this.observer.disconnect();
    viewers.delete(this.root);
  }

  /** Show data from Python; the old image stays until the new one is completely decoded. */
  async update(bytes) {
    const header = unpack(bytes);
    const text = JSON.stringify({ ...header, pictures: header.pictures.map((picture) => picture.digest) });
    if (text === this.text) return;
    this.text = text;
    this.root.dataset.ready = "false";
    const { width, height } = header.photo;
    if (!this.header) this.stage.style.aspectRatio = `${width} / ${height}`;
    const map = (index) => (index === null ? null : decodeOnce(header.pictures[index], decodeMap));
    const decode = async (layer) => {
      const names = layer.scale ? [] : (layer.classes?.map(([name]) => name) ?? header.classNames);
      return { ...layer, names, map: await map(layer.ids), confidence: await map(layer.confidence) };
    };
    const photoReady = decodeOnce(header.pictures[0], decodePhoto);
    const [photo, ...layers] = await Promise.all([photoReady, ...header.layers.map(decode)]);
    if (text !== this.text) return; // newer data arrived during decoding
    this.stage.style.aspectRatio = `${width} / ${height}`;
    Object.assign(this, { header, photo, layers });
    this.adopt(header);
    hideTip(this);
    this.refresh();
    this.draw();
    this.root.dataset.ready = "true";
  }

  /** Restore or create the state of this key; an argument that the page has changed overrides it. */
  adopt({ key, group, opacity, palette, compare, mark }) {
    this.channel = group ? `group ${group}` : `key ${key}`;
    this.own = stored(ownStates, key, { position: 0.5, split: false });
    const view = { zoom: 1, cx: 0.5, cy: 0.5 };
    this.shared = stored(sharedStates, this.channel, { opacity, palette, outline: false, hidden: new Set(), ...view });
    const requested = { opacity, palette, compare: JSON.stringify(compare), mark: JSON.stringify(mark) };
    const last = this.own.requested;
    const changed = (name) => requested[name] !== last?.[name];
    if (last && changed("opacity")) this.shared.opacity = opacity;
    if (last && changed("palette")) this.shared.palette = palette;
    if (changed("compare")) {
      this.own.split = Boolean(compare);
      if (compare) [this.own.left, this.own.right] = compare;
    }
    if (changed("mark")) this.own.mark = mark;
    this.own.requested = requested;
    this.keepNamesValid();
  }

  keepNamesValid() {
    const { own, layers } = this;
    const known = (name) => name === PHOTO || layers.some((layer) => layer.name === name);
    const [first, second] = [layers[0]?.name ?? PHOTO, layers[1]?.name ?? layers[0]?.name ?? PHOTO];
    if (!known(own.single)) own.single = first;
    if (!known(own.left)) own.left = PHOTO;
    if (!known(own.right)) own.right = own.left === first ? second : first;
    if (!layers.length) own.split = false;
  }

  // --- state -------------------------------------------------------------------------------------------------

  /** Change the shared state and notify every viewer of the group, this one included. */
  share(patch) {
    Object.assign(this.shared, patch);
    window.dispatchEvent(new CustomEvent(CHANGED, { detail: this.channel }));
  }

  onSharedChange(channel) {
    // Streamlit may remove the element without notice.
    if (!this.root.isConnected) this.dispose();
    else if (channel === this.channel) this.refresh();
  }

  refresh() {
    syncControls(this);
    this.canvas.setAttribute("aria-label", describe(this));
    // Zoomed in, one finger moves the image; otherwise vertical swipes scroll the page.
    this.stage.style.touchAction = this.shared.zoom > 1 ? "none" : "pan-y";
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  toggleSplit() {
    if (!this.layers.length) return;
    this.own.split = !this.own.split;
    this.refresh();
  }

  choose(side, name) {
    this.own[this.own.split ? side : "single"] = name;
    this.refresh();
  }

  moveSplit(position) {
    this.own.position = clamp(position, 0, 1);
    this.refresh();
  }

  nextPalette() {
    const palette = this.header.palettes.find(({ name }) => name !== this.shared.palette).name;
    this.share({ palette });
    this.report("palette", { palette });
  }

  toggleClass(name) {
    const hidden = new Set(this.shared.hidden);
    if (!hidden.delete(name)) hidden.add(name);
    this.share({ hidden });
  }

  /** Show one class alone, or all if it is alone already. */
  isolate(name) {
    const others = presentClasses(this).classes.map((entry) => entry.name).filter((other) => other !== name);
    const alone = !this.shared.hidden.has(name) && others.every((other) => this.shared.hidden.has(other));
    this.share({ hidden: new Set(alone ? [] : others) });
  }

  layerNamed(name) {
    return this.layers.find((layer) => layer.name === name);
  }

  shownLayers() {
    const { split, left, right, single } = this.own;
    const names = split ? [...new Set([left, right])] : [single];
    return names.map((name) => this.layerNamed(name)).filter(Boolean);
  }

  colorsOf(layer) {
    if (layer.scale) return (this.quantity ??= quantityColors());
    if (layer.classes) return layer.classes.map(([, color]) => color);
    return this.header.palettes.find((palette) => palette.name === this.shared.palette).colors;
  }

  // --- geometry, in canvas pixels ------------------------------------------------------------------------------

  /** The rectangle of the whole photo, possibly larger than the canvas. */
  place() {
    const { width, height } = this.canvas;
    const { zoom, cx, cy } = this.shared;
    const { photo } = this.header;
    const scale = Math.min(width / photo.width, height / photo.height) * zoom;
    const [w, h] = [photo.width * scale, photo.height * scale];
    const centre = (extent, full, at) => (full <= extent ? 0.5 : clamp(at, extent / 2 / full, 1 - extent / 2 / full));
    return { x: width / 2 - centre(width, w, cx) * w, y: height / 2 - centre(height, h, cy) * h, w, h };
  }

  /** Zoom around (x, y), by default the centre of the canvas. */
  zoomAt(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    const old = this.place();
    const zoom = clamp(this.shared.zoom * factor, 1, MAX_ZOOM);
    const grown = zoom / this.shared.zoom;
    this.setView({ x: x - (x - old.x) * grown, y: y - (y - old.y) * grown, w: old.w * grown, h: old.h * grown }, zoom);
  }

  pan(dx, dy) {
    const old = this.place();
    this.setView({ ...old, x: old.x + dx, y: old.y + dy }, this.shared.zoom);
  }

  setView({ x, y, w, h }, zoom) {
    const cx = clamp((this.canvas.width / 2 - x) / w, 0, 1);
    const cy = clamp((this.canvas.height / 2 - y) / h, 0, 1);
    this.share({ zoom, cx, cy });
  }

  resetZoom() {
    this.share({ zoom: 1, cx: 0.5, cy: 0.5 });
  }

  /** A pointer event's position: x, y in canvas pixels; u, v in the photo, 0 to 1; null outside the photo. */
  locate(event) {
    const box = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.canvas.width;
    const y = ((event.clientY - box.top) / box.height) * this.canvas.height;
    const rect = this.place();
    const [u, v] = [(x - rect.x) / rect.w, (y - rect.y) / rect.h];
    const inside = u >= 0 && u < 1 && v >= 0 && v < 1;
    return { x, y, u, v, inside, share: x / this.canvas.width };
  }

  /** Move the pixel that is read by keyboard, from the marked one or the centre; zoomed in, the view follows. */
  moveCursor(dx, dy) {
    const { shared, own, canvas, header } = this;
    const { width, height } = header.photo;
    const step = Math.max(1, Math.round(width / 64 / shared.zoom));
    const [x, y] = this.cursor ?? own.mark ?? [Math.floor(width / 2), Math.floor(height / 2)];
    this.cursor = [clamp(x + dx * step, 0, width - 1), clamp(y + dy * step, 0, height - 1)];
    const at = this.cursorPlace();
    if (shared.zoom > 1) this.share({ cx: at.u, cy: at.v });
    const [rect, box] = [this.place(), canvas.getBoundingClientRect()];
    const clientX = box.left + ((rect.x + at.u * rect.w) / canvas.width) * box.width;
    const clientY = box.top + ((rect.y + at.v * rect.h) / canvas.height) * box.height;
    showTip(this, { clientX, clientY }, at);
    this.$(".reading").textContent = [...this.$(".tip").children].map((row) => row.textContent).join(", ");
    this.refresh();
  }

  /** The photo position of the pixel that Enter chooses, null without one. */
  cursorPlace() {
    const { width, height } = this.header.photo;
    const pixel = this.cursor ?? this.own.mark;
    return pixel ? { u: (pixel[0] + 0.5) / width, v: (pixel[1] + 0.5) / height } : null;
  }

  dropCursor() {
    hideTip(this);
    if (!this.cursor) return;
    this.cursor = null;
    this.$(".reading").textContent = "";
    this.refresh();
  }

  // --- drawing -------------------------------------------------------------------------------------------------

  draw() {
    if (!this.header || !this.fitCanvas()) return;
    const { canvas, context, shared, own } = this;
    const rect = this.place();
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = shared.zoom <= 2;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.photo, rect.x, rect.y, rect.w, rect.h);
    this.words.fill(0);
    const cut = own.split ? Math.round(own.position * canvas.width) : canvas.width;
    this.paintLayer(this.layerNamed(own.split ? own.left : own.single), rect, 0, cut);
    if (own.split) this.paintLayer(this.layerNamed(own.right), rect, cut, canvas.width);
    this.scratch.getContext("2d").putImageData(this.image, 0, 0);
    // Lines cover few pixels, so they are drawn stronger than areas at the same setting.
    context.globalAlpha = shared.outline ? Math.min(1, shared.opacity * 1.6) : shared.opacity;
    context.drawImage(this.scratch, 0, 0);
    context.globalAlpha = 1;
    const ringed = this.cursorPlace();
    if (ringed) this.paintMark(rect, ringed);
  }

  /** Ring a pixel, white inside black, visible on any background. */
  paintMark({ x, y, w, h }, { u, v }) {
    const { context, canvas } = this;
    const unit = canvas.width / this.stage.clientWidth;
    for (const [color, width] of [["#000", 5], ["#fff", 2.5]]) {
      context.beginPath();
      context.arc(x + u * w, y + v * h, 8 * unit, 0, 2 * Math.PI);
      Object.assign(context, { strokeStyle: color, lineWidth: width * unit });
      context.stroke();
    }
  }

  /** Match the canvas to its size on the screen; return false while that is zero. */
  fitCanvas() {
    const density = clamp(window.devicePixelRatio || 1, 1, 2);
    const width = Math.round(this.stage.clientWidth * density);
    const height = Math.round(this.stage.clientHeight * density);
    if (!width || !height) return false;
    if (width !== this.canvas.width || height !== this.canvas.height || !this.image) {
      Object.assign(this.canvas, { width, height });
      Object.assign(this.scratch, { width, height });
      this.image = new ImageData(width, height);
      this.words = new Uint32Array(this.image.data.buffer);
    }
    return true;
  }

  /** Colour a layer between the canvas columns `from` and `to`. */
  paintLayer(layer, rect, from, to) {
    if (!layer) return;
    const { canvas, shared } = this;
    const left = Math.max(from, Math.round(rect.x));
    const right = Math.min(to, Math.round(rect.x + rect.w));
    const top = Math.max(0, Math.round(rect.y));
    const bottom = Math.min(canvas.height, Math.round(rect.y + rect.h));
    const columns = sampleLine(left, right, rect.x, rect.w, layer.map.width);
    const rows = sampleLine(top, bottom, rect.y, rect.h, layer.map.height);
    const hidden = new Set();
    layer.names.forEach((name, value) => shared.hidden.has(name) && hidden.add(value));
    const table = colorTable(this.colorsOf(layer), hidden);
    const target = [this.words, top * canvas.width + left, canvas.width];
    if (!shared.outline || layer.scale) paintFill(...target, layer.map, table, columns, rows);
    else paintOutline(...target, layer.map, table, columns, rows, Math.round((1.5 * canvas.width) / this.stage.clientWidth));
  }

  // --- events to Python ------------------------------------------------------------------------------------------

  report(kind, details = {}) {
    lastNonce = Math.max(lastNonce + 1, Date.now());
    this.send("event", { kind, ...details, nonce: lastNonce });
  }

  reportClick(at) {
    if (!this.header.clicks) return;
    const { width, height } = this.header.photo;
    const [x, y] = [Math.floor(at.u * width), Math.floor(at.v * height)];
    if (this.own.mark) {
      this.own.mark = [x, y];
      this.refresh();
    }
    this.report("click", { x, y });
  }
}

// --- pointers and keys ---------------------------------------------------------------------------------------------

function bindPointers(viewer) {
  const { stage, canvas } = viewer;
  const grabbed = (event) => event.target === canvas || event.target.closest(".divider");
  stage.addEventListener("pointerdown", (event) => grabbed(event) && onDown(viewer, event));
  stage.addEventListener("pointermove", (event) => onMove(viewer, event));
  stage.addEventListener("pointerup", (event) => onUp(viewer, event));
  stage.addEventListener("pointercancel", (event) => viewer.pointers.delete(event.pointerId));
  // A finger leaves with every tap; its tooltip stays until the next tap.
  stage.addEventListener("pointerleave", (event) => event.pointerType === "touch" || hideTip(viewer));
  // Two fingers zoom the image even where one finger scrolls the page.
  stage.addEventListener("touchmove", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
  stage.addEventListener("wheel", (event) => onWheel(viewer, event), { passive: false });
}

function onDown(viewer, event) {
  if (event.button !== 0 || !viewer.header) return;
  const divider = event.target.closest(".divider");
  // A captured pointer does not set the focus by itself.
  (divider ?? viewer.canvas).focus({ preventScroll: true });
  event.target.setPointerCapture(event.pointerId);
  const at = viewer.locate(event);
  viewer.pointers.set(event.pointerId, at);
  const slides = viewer.own.split && (divider || viewer.shared.zoom <= 1);
  if (viewer.pointers.size > 1) viewer.gesture.moved = true;
  else viewer.gesture = { slides, start: [event.clientX, event.clientY], moved: false };
  viewer.dropCursor();
  toggleKeys(viewer, false);
}

function onMove(viewer, event) {
  if (!viewer.header) return;
  const at = viewer.locate(event);
  const before = viewer.pointers.get(event.pointerId);
  if (!before) {
    return event.target === viewer.canvas && at.inside ? showTip(viewer, event, at) : hideTip(viewer);
  }
  const { gesture } = viewer;
  const [dx, dy] = [event.clientX - gesture.start[0], event.clientY - gesture.start[1]];
  if (!gesture.moved && Math.hypot(dx, dy) > CLICK_SLACK) {
    gesture.moved = true;
    // A finger that first moves vertically scrolls the page.
    if (event.pointerType === "touch" && Math.abs(dy) > Math.abs(dx) && event.target === viewer.canvas) gesture.slides = false;
  }
  if (viewer.pointers.size > 1) pinch(viewer, event.pointerId, at);
  else if (gesture.slides && gesture.moved) viewer.moveSplit(at.share);
  else if (gesture.moved && viewer.shared.zoom > 1) viewer.pan(at.x - before.x, at.y - before.y);
  if (gesture.moved) viewer.pointers.set(event.pointerId, at);
}

function pinch(viewer, id, at) {
  const [other] = [...viewer.pointers].filter(([key]) => key !== id).map(([, value]) => value);
  const before = viewer.pointers.get(id);
  const apart = (a, b) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
  viewer.zoomAt(apart(at, other) / apart(before, other), (at.x + other.x) / 2, (at.y + other.y) / 2);
  viewer.pan((at.x - before.x) / 2, (at.y - before.y) / 2);
}

function onUp(viewer, event) {
  if (!viewer.pointers.delete(event.pointerId) || viewer.gesture.moved) return;
  const at = viewer.locate(event);
  if (!at.inside || event.target.closest(".divider")) return;
  if (event.pointerType !== "mouse") showTip(viewer, event, at);
  if (viewer.shared.zoom <= 1) viewer.reportClick(at);
  else if (viewer.pending) {
    clearTimeout(viewer.pending);
    viewer.pending = null;
    viewer.resetZoom();
  } else {
    // Zoomed in, a double click resets the zoom, so a single click waits for the second one.
    viewer.pending = setTimeout(() => {
      viewer.pending = null;
      viewer.reportClick(at);
    }, DOUBLE_CLICK_MS);
  }
}

/** The wheel scrolls the page unless the viewer has the focus, is zoomed in, or a modifier key is pressed. */
function onWheel(viewer, event) {
  if (!viewer.header) return;
  const zooms = event.ctrlKey || event.metaKey || viewer.shared.zoom > 1 || viewer.root.getRootNode().activeElement === viewer.canvas;
  const stays = viewer.shared.zoom <= 1 && event.deltaY > 0;
  if (!zooms) viewer.$(".hint").classList.add("visible");
  clearTimeout(viewer.hinting);
  viewer.hinting = setTimeout(() => viewer.$(".hint").classList.remove("visible"), HINT_MS);
  if (!zooms || (stays && !event.ctrlKey)) return;
  event.preventDefault();
  hideTip(viewer);
  const step = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * 16 : event.deltaY;
  const at = viewer.locate(event);
  viewer.zoomAt(Math.exp(-clamp(step, -200, 200) / 300), at.x, at.y);
}

function onKey(viewer, event) {
  const typing = event.target.matches("select, input");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !viewer.header) return;
  const { header, shared, own } = viewer;
  const onDivider = event.target.matches(".divider");
  const onImage = event.target === viewer.canvas;
  const arrow = (kind, step) => {
    if (header.navigation && !onDivider) viewer.report(kind);
    else if (own.split) viewer.moveSplit(own.position + step);
  };
  const fade = (step) => viewer.share({ opacity: clamp(Math.round((shared.opacity + step) * 100) / 100, 0, 1) });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = onImage && event.shiftKey && steps[event.key];
  const choice = onImage && header.clicks && viewer.cursorPlace();
  const actions = {
    ...(onDivider && { Home: () => viewer.moveSplit(0), End: () => viewer.moveSplit(1) }),
    ...(choice && { Enter: () => viewer.reportClick(choice) }),
    ArrowLeft: () => arrow("previous", -0.02),
    ArrowRight: () => arrow("next", 0.02),
    "+": () => fade(0.05),
    "=": () => fade(0.05),
    "-": () => fade(-0.05),
    o: () => viewer.share({ outline: !shared.outline }),
    s: () => viewer.toggleSplit(),
    0: () => viewer.resetZoom(),
    f: () => toggleFullScreen(viewer.root),
    "?": () => toggleKeys(viewer),
    Escape: () => {
      toggleKeys(viewer, false);
      viewer.dropCursor();
    },
  };
  const action = move ? () => viewer.moveCursor(...move) : actions[event.key];
  if (!action) return;
  event.preventDefault();
  // Streamlit has its own single-letter shortcuts.
  event.stopPropagation();
  action();
}

/** Called by Streamlit when the component appears and whenever its data changes. */
export default function mount({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".viewer");
  const viewer = viewers.get(root) ?? new Viewer(root);
  viewers.set(root, viewer);
  viewer.send = setTriggerValue;
  viewer.update(data).catch((error) => {
    root.dataset.ready = "error";
    viewer.canvas.setAttribute("aria-label", `The image could not be shown: ${error.message}`);
    throw error;
  });
  // Streamlit also cleans up when newer data replaces older; the viewer ends only when its element is removed.
  return () => root.isConnected || viewer.dispose();
}
