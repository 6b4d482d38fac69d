// The slice viewer: linked panels, one for each layer, in one or three planes.

const data = JSON.parse(document.getElementById("viewer-data").textContent);
const find = (id) => document.getElementById(id);
const viewer = find("viewer"), panels = find("panels"), slider = find("slice");
// A mask that is there from the beginning must leave the picture to be seen.
const FIRST_OPACITY = data.scenes[0].overlay < 0 ? 0.5 : 0.3;
const THREE_D = "3d", STRIPES = data.tables.stripes.map((color) => pixel(...color, 255));
const state = {
  scene: 0, plane: "transverse", at: [0, 0, 0], hover: null, crosshair: false, zoom: 1,
  hu: [-500, 1500], error: 400, deviation: data.deviation, signal: {}, smooth: true, lit: true,
  overlay: data.scenes[0].overlay, opacity: FIRST_OPACITY, swipe: false, split: 0.5, cut: 0,
};
const unpacked = new Map(), tables = new Map();
let codes = null, drawn = [], pending = false, latest = 0;

const scene = () => data.scenes[state.scene];
const layerOf = (key) => scene().layers.find((layer) => layer.key === key);
const shownLayers = () => scene().layers.filter((layer) => layer.unit !== "label" || scene().layers.every((l) => l.unit === "label"));
const shownPlanes = () => (state.plane === "all" ? Object.keys(PLANES) : [state.plane === THREE_D ? "transverse" : state.plane]);
const overlay = () => scene().overlays[state.overlay] || null;
const text = (value) => `${value}`.replace("-", "−");

function windowOf(layer) {
  if (layer.unit === "HU") return state.hu;
  if (layer.unit === "difference") return [-state.error, state.error];
  if (layer.unit === "deviation" && layer.measure === "HU") return [0, state.deviation];
  return state.signal[`${state.scene} ${layer.key}`] || layer.window;
}

function colors(layer, isOverlay) {
  const key = `${layer.key} ${isOverlay}`, window = windowOf(layer), now = `${state.scene} ${window}`;
  if (tables.get(key)?.now !== now) tables.set(key, { now, table: colorTable(layer, window, data.tables, isOverlay) });
  return tables.get(key).table;
}

async function load(number) {
  if (!unpacked.has(number)) {
    const read = data.served ? servedCodes : embeddedCodes;
    unpacked.set(number, await read(data.scenes[number], number));
    if (unpacked.size > 3) unpacked.delete(unpacked.keys().next().value);
  }
  return unpacked.get(number);
}

async function show(number) {
  latest = number;
  viewer.setAttribute("aria-busy", "true");
  const wanted = await load(number);
  if (latest !== number) return; // another was chosen meanwhile
  codes = wanted;
  Object.assign(state, { scene: number, at: scene().shape.map((n) => n >> 1), zoom: 1, hover: null });
  if (find("scene")) find("scene").value = String(number);
  offerOverlays();
  document.querySelectorAll(".subject").forEach((part) => { part.hidden = Number(part.dataset.subject) !== number; });
  await layOut();
  viewer.setAttribute("aria-busy", "false");
}

function offerOverlays() {
  const { overlays } = scene();
  const titles = ["no overlay", ...overlays.map((o) => o.title)];
  find("overlay").replaceChildren(...titles.map((title, n) => new Option(title, String(n - 1))));
  if (state.overlay >= overlays.length) state.overlay = -1;
  find("overlay").value = String(state.overlay);
  find("opacity").value = String(Math.round(100 * state.opacity));
  find("opacity").disabled = state.overlay < 0;
}

async function layOut() {
  hide3d();
  const flat = state.plane !== THREE_D, layers = shownLayers(), names = shownPlanes();
  // What does nothing to a picture of this kind is not there.
  viewer.querySelectorAll("[data-flat]").forEach((part) => { part.hidden = !flat; });
  viewer.querySelectorAll("[data-solid]").forEach((part) => { part.hidden = flat; });
  find("unmeasured").hidden = !flat || !scene().unmeasured;
  const [dark, light] = data.tables.stripes.map((color) => `rgb(${color.join(" ")})`);
  find("unmeasured").firstElementChild.style.background = `repeating-linear-gradient(135deg, ${dark} 0 3px, ${light} 3px 6px)`;
  // One layer in three planes stands in a row; several have a row for each plane.
  const columns = layers.length === 1 ? names.length : layers.length;
  panels.style.setProperty("--columns", columns);
  panels.dataset.single = String(layers.length * names.length === 1);
  panels.replaceChildren();
  drawn = [];
  if (!flat) {
    await show3d(layers.filter((layer) => layer.unit === "HU" || layer.unit === "a.u." || layer.unit === "map"));
    return;
  }
  for (const name of names) for (const layer of layers) drawn.push(addPanel(name, layer, layers));
  fit();
}

function addPanel(name, layer, layers) {
  const figure = document.createElement("figure"), caption = document.createElement("figcaption");
  const canvas = document.createElement("canvas");
  caption.textContent = shownPlanes().length > 1 && layer === layers[0] ? `${layer.title}, ${name}` : layer.title;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${layer.title}, ${name} slice`);
  Object.assign(canvas.dataset, { layer: layer.key, plane: name });
  const panel = { plane: PLANES[name], layer, canvas, native: document.createElement("canvas") };
  panel.native.width = scene().shape[panel.plane.across];
  panel.native.height = scene().shape[panel.plane.down];
  listen(panel);
  figure.append(caption, canvas, ...legend(layer));
  panels.append(figure);
  return panel;
}

// Square canvases of one size, so that planes and subjects do not make the page jump.
function fit() {
  for (const { canvas } of drawn) {
    const side = clamp(Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)), 120, 1200);
    if (canvas.width !== side) canvas.width = canvas.height = side;
  }
  redraw();
}

// Where the slice lies on its canvas, in canvas pixels; zoomed, it turns about the crosshair.
function boxOf({ canvas, plane, native }) {
  const { shape, spacing } = scene();
  const scale = ((canvas.width * 0.94) / Math.max(...shape.map((n, axis) => n * spacing[axis]))) * state.zoom;
  const width = native.width * spacing[plane.across] * scale, height = native.height * spacing[plane.down] * scale;
  const [u, v] = fractions(plane, state.at);
  const start = (size, part) => (state.zoom === 1 ? (canvas.width - size) / 2 : canvas.width / 2 - part * size);
  return { x: start(width, u), y: start(height, v), width, height };
}

function fractions(plane, at) {
  const { shape } = scene();
  return [plane.across, plane.down].map((axis) => (shape[axis] - 0.5 - at[axis]) / shape[axis]);
}

function draw(panel) {
  const { canvas, native, plane, layer } = panel, box = boxOf(panel);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = state.smooth;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const lay = (what, isOverlay) => {
    const stripes = scene().unmeasured && !isOverlay && what.unit !== "label" ? STRIPES : null;
    paintSlice(native, plane, state.at, scene(), codes, what, colors(what, isOverlay), stripes);
    context.drawImage(native, box.x, box.y, box.width, box.height);
  };
  lay(layer, false);
  const over = overlay();
  if (over && (over.base === null || over.base === layer.key)) {
    context.save();
    context.globalAlpha = state.swipe ? 1 : state.opacity;
    if (state.swipe) {
      context.beginPath();
      context.rect(box.x + state.split * box.width, 0, canvas.width, canvas.height);
      context.clip();
    }
    lay(layerOf(over.over), true);
    context.restore();
    const x = box.x + state.split * box.width;
    if (state.swipe) line(context, [x, box.y, x, box.y + box.height], "#f5c542", 2);
  }
  if (state.plane === "all" || state.crosshair) crosshair(context, box, fractions(plane, state.at));
  edges(context, plane.edges);
}

function crosshair(context, box, [u, v]) {
  const x = box.x + u * box.width, y = box.y + v * box.height, gap = context.canvas.width * 0.03;
  const color = "rgb(109 181 242 / .65)";
  line(context, [box.x, y, x - gap, y], color, 1);
  line(context, [x + gap, y, box.x + box.width, y], color, 1);
  line(context, [x, box.y, x, y - gap], color, 1);
  line(context, [x, y + gap, x, box.y + box.height], color, 1);
}

function edges(context, [left, right, top, bottom]) {
  const { width, height } = context.canvas, size = Math.round(clamp(width / 32, 11, 15 * (window.devicePixelRatio || 1)));
  const inset = Math.max(width * 0.025, 0.7 * size);
  context.fillStyle = "#aeb6c2";
  context.font = `${size}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(left, inset, height / 2);
  context.fillText(right, width - inset, height / 2);
  context.fillText(top, width / 2, inset);
  context.fillText(bottom, width / 2, height - inset);
}

function line(context, [x0, y0, x1, y1], color, width) {
  context.strokeStyle = color;
  context.lineWidth = width * Math.max(1, context.canvas.width / 420);
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

const tableOf = (layer) => ({ difference: data.tables.error, deviation: data.tables.deviation })[layer.unit];

function legend(layer) {
  const bar = document.createElement("div"), labels = document.createElement("div");
  bar.className = "bar";
  labels.className = "bar-labels";
  bar.dataset.layer = labels.dataset.layer = layer.key;
  bar.style.background = layer.unit === "label" ? "none" : gradient(tableOf(layer));
  return [bar, labels];
}

function drawLegends() {
  panels.querySelectorAll(".bar-labels").forEach((labels) => {
    const layer = layerOf(labels.dataset.layer), [low, high] = windowOf(layer);
    if (layer.unit === "label") return;
    const round = (value) => text(Number(value.toPrecision(layer.measure === "HU" ? 5 : 3)));
    const plus = high > 0 && low < 0 && layer.unit === "difference" ? "+" : "";
    const values = [round(low), layer.measure || "arbitrary units", `${plus}${round(high)}`];
    labels.replaceChildren(...values.map((value) => { const span = document.createElement("span"); span.textContent = value; return span; }));
  });
}

function world(at) {
  return [0, 1, 2].map((row) => scene().affine[row].reduce((sum, value, n) => sum + value * (n < 3 ? at[n] : 1), 0));
}

function place(at) {
  const names = [["L", "R"], ["P", "A"], ["I", "S"]];
  return world(at).map((value, n) => `${names[n][value >= 0 ? 1 : 0]} ${Math.abs(value).toFixed(0)}`).join("  ") + " mm";
}

function readOut() {
  const { shape, layers } = scene(), at = state.hover || state.at;
  const index = at[0] + shape[0] * (at[1] + shape[1] * at[2]);
  const parts = layers.map((layer) => {
    const value = valueAt(layer, scene(), codes, index);
    if (value === null) return scene().unmeasured && layer.unit !== "label" ? `${layer.short} not measured` : null;
    const sign = layer.unit === "difference" && value > 0 ? "+" : "";
    if (layer.measure === "HU") return `${layer.short} ${sign}${text(Math.round(value))} HU`;
    return `${layer.short} ${text(Number(value.toPrecision(4)))}${layer.measure ? ` ${layer.measure}` : ""}`;
  }).filter(Boolean);
  find("readout").textContent = `${place(at)}   ${parts.join("   ") || "outside the mask"}`;
}

function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    if (!codes) return;
    drawn.forEach(draw);
    drawLegends();
    const { normal } = PLANES[shownPlanes()[0]];
    slider.max = scene().shape[normal] - 1;
    slider.value = state.at[normal];
    find("position").textContent = `Slice ${state.at[normal] + 1} of ${scene().shape[normal]}, ${place(state.at)}`;
    readOut();
    document.dispatchEvent(new CustomEvent("mrtoct:moved", { detail: { scene: state.scene, height: world(state.at)[2] } }));
  });
}
