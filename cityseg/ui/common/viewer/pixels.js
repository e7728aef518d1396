// Unpacking the data from Python, decoding PNG maps, and colouring maps for the screen.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const VOID = 255;
const CACHE_LIMIT = 32;
const decoded = new Map(); // digest -> promise of a decoded image, oldest first

/** Split the byte string from Python into its JSON header and the bytes of each image. */
function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 4 + view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
  for (const picture of header.pictures) {
    picture.bytes = bytes.subarray(start + picture.offset, start + picture.offset + picture.length);
  }
  return header;
}

/** Decode each digest once, so that a known frame or layer costs nothing. */
function decodeOnce(picture, decode) {
  let promise = decoded.get(picture.digest);
  decoded.delete(picture.digest);
  promise ??= decode(picture.bytes);
  decoded.set(picture.digest, promise);
  promise.catch(() => decoded.delete(picture.digest));
  while (decoded.size > CACHE_LIMIT) decoded.delete(decoded.keys().next().value);
  return promise;
}

const decodePhoto = (bytes) => createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));

/**
 * Read an 8-bit greyscale PNG into {width, height, values, counts}.
 *
 * Not through a canvas: browsers that protect against fingerprinting change the lowest bits of canvas pixels, and a
 * changed bit is another class.
 */
async function decodeMap(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [];
  let [width, height] = [0, 0];
  for (let at = 8; at < bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IHDR") [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (kind === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const values = unfilter(new Uint8Array(await new Response(stream).arrayBuffer()), width, height);
  const counts = new Uint32Array(256);
  for (let i = 0; i < values.length; i++) counts[values[i]]++;
  return { width, height, values, counts };
}

/** Undo PNG's row filters for one byte per pixel. */
function unfilter(raw, width, height) {
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (width + 1)];
    const from = y * (width + 1) + 1;
    const to = y * width;
    for (let x = 0; x < width; x++) {
      const left = x ? out[to + x - 1] : 0;
      const up = y ? out[to + x - width] : 0;
      let guess = 0;
      if (filter === 1) guess = left;
      else if (filter === 2) guess = up;
      else if (filter === 3) guess = (left + up) >> 1;
      else if (filter === 4) guess = paeth(left, up, x && y ? out[to + x - width - 1] : 0);
      out[to + x] = raw[from + x] + guess;
    }
  }
  return out;
}

function paeth(left, up, corner) {
  const dl = Math.abs(up - corner);
  const du = Math.abs(left - corner);
  const dc = Math.abs(left + up - 2 * corner);
  return dl <= du && dl <= dc ? left : du <= dc ? up : corner;
}

/** One little-endian RGBA word for each of the 256 values; 0 is transparent. */
function colorTable(colors, hidden) {
  const table = new Uint32Array(256);
  colors.forEach(([r, g, b], value) => {
    if (!hidden.has(value)) table[value] = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  });
  return table;
}

/** 255 colours of evenly increasing lightness, for maps of a quantity. */
function quantityColors() {
  const stops = [[20, 11, 52], [86, 22, 110], [158, 42, 99], [218, 78, 60], [249, 142, 9], [252, 236, 130]];
  return Array.from({ length: 255 }, (_, i) => {
    const at = (i / 254) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    return stops[low].map((c, k) => Math.round(c + (stops[low + 1][k] - c) * (at - low)));
  });
}

/** Map column (or row) under each screen pixel from..to, for an image that starts at origin and is extent long. */
function sampleLine(from, to, origin, extent, cells) {
  const line = new Int32Array(Math.max(0, to - from));
  for (let i = 0; i < line.length; i++) {
    line[i] = clamp(Math.floor(((from + i + 0.5 - origin) / extent) * cells), 0, cells - 1);
  }
  return line;
}

/**
 * Write the colour of the nearest map value into `target`, one word per screen pixel.
 *
 * `start` is the index of the first pixel, `stride` the distance between rows; `columns` and `rows` are the map cells
 * under the pixels.
 */
function paintFill(target, start, stride, map, table, columns, rows) {
  const { values, width } = map;
  for (let y = 0, to = start; y < rows.length; y++, to += stride) {
    if (y && rows[y] === rows[y - 1]) {
      target.copyWithin(to, to - stride, to - stride + columns.length);
      continue;
    }
    const base = rows[y] * width;
    for (let x = 0; x < columns.length; x++) target[to + x] = table[values[base + columns[x]]];
  }
}

/** Like paintFill, but only pixels with another value within `reach` screen pixels: lines stay thin at any zoom. */
function paintOutline(target, start, stride, map, table, columns, rows, reach) {
  const { values, width } = map;
  const [lastX, lastY] = [columns.length - 1, rows.length - 1];
  for (let y = 0, to = start; y <= lastY; y++, to += stride) {
    const base = rows[y] * width;
    const above = rows[Math.max(0, y - reach)] * width;
    const below = rows[Math.min(lastY, y + reach)] * width;
    for (let x = 0; x <= lastX; x++) {
      const column = columns[x];
      const value = values[base + column];
      if (
        values[above + column] !== value ||
        values[below + column] !== value ||
        values[base + columns[x > reach ? x - reach : 0]] !== value ||
        values[base + columns[x + reach < lastX ? x + reach : lastX]] !== value
      ) {
        target[to + x] = table[value];
      }
    }
  }
}
