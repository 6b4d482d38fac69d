// Codes to colours. A table holds a colour for every code, as the four bytes of a canvas pixel, so
// that a slice is painted by looking up each voxel once.

const LABELS = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const pixel = (r, g, b, a) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0; // little-endian, as every browser's machine is

// The colour of a part from 0 to 1 of a table [r, g, b, r, g, b, ...].
function tableColor(table, part) {
  const level = Math.round(clamp(part, 0, 1) * (table.length / 3 - 1)) * 3;
  return [table[level], table[level + 1], table[level + 2]];
}

// windowOf(layer) is [low, high] in the layer's unit. An overlay is the more transparent, the
// nearer its value is to zero.
function colorOf(layer, value, [low, high], tables, isOverlay) {
  if (layer.unit === "label") return value > 0 ? pixel(...LABELS[(value - 1) % LABELS.length], 255) : 0;
  const part = (value - low) / (high - low);
  if (layer.unit === "difference") {
    const alpha = isOverlay ? clamp(Math.abs(value) / high, 0, 1) : 1;
    return pixel(...tableColor(tables.error, part), Math.round(255 * alpha));
  }
  if (layer.unit === "deviation") {
    const alpha = isOverlay ? clamp(part, 0, 1) : 1;
    return pixel(...tableColor(tables.deviation, part), Math.round(255 * alpha));
  }
  const grey = Math.round(255 * clamp(part, 0, 1));
  return pixel(grey, grey, grey, 255);
}

// Of a difference the table starts at -(levels - 1) steps, of all others at code 0, which is clear.
function colorTable(layer, window, tables, isOverlay) {
  const colors = new Uint32Array(layer.minus ? 2 * layer.levels - 1 : layer.levels);
  const first = layer.minus ? -(layer.levels - 1) * layer.step : layer.low - layer.step;
  for (let n = 0; n < colors.length; n++) colors[n] = colorOf(layer, first + n * layer.step, window, tables, isOverlay);
  if (!layer.minus) colors[0] = 0;
  return colors;
}

// An anatomical plane is seen along one axis (normal); its picture's columns and rows run against
// two others. Volumes are in RAS order: index 0 to the right, 1 anterior, 2 superior. The
// patient's right is shown on the left, as if seen from the feet or the front.
const PLANES = {
  transverse: { normal: 2, across: 0, down: 1, edges: ["R", "L", "A", "P"] },
  coronal: { normal: 1, across: 0, down: 2, edges: ["R", "L", "S", "I"] },
  sagittal: { normal: 0, across: 1, down: 2, edges: ["A", "P", "S", "I"] },
};

const STRIPE = 3; // voxels

// Fill a canvas of one pixel a voxel with a slice of a layer; where it holds nothing, with stripes
// of two colours, if they are given.
function paintSlice(canvas, plane, at, scene, codes, layer, colors, stripes) {
  const { shape } = scene;
  const columns = shape[plane.across], rows = shape[plane.down];
  const stride = [1, shape[0], shape[0] * shape[1]];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const [one, other] = layer.minus ? layer.minus.map((key) => codes[key]) : [codes[layer.key], null];
  const zero = layer.levels - 1, start = at[plane.normal] * stride[plane.normal];
  for (let row = 0, out = 0; row < rows; row++) {
    let from = start + (rows - 1 - row) * stride[plane.down] + (columns - 1) * stride[plane.across];
    for (let column = 0; column < columns; column++, from -= stride[plane.across], out++) {
      if (!other && stripes && !one[from]) pixels[out] = stripes[Math.floor((row + column) / STRIPE) % 2];
      else if (!other) pixels[out] = colors[one[from]];
      else if (one[from] && other[from]) pixels[out] = colors[zero + one[from] - other[from]];
    }
  }
  context.putImageData(image, 0, 0);
}

function gradient(table) {
  if (!table) return "linear-gradient(to right, #000, #fff)";
  const stops = Array.from({ length: 17 }, (_, n) => `rgb(${tableColor(table, n / 16).join(" ")})`);
  return `linear-gradient(to right, ${stops.join(",")})`;
}
