// What hand and keyboard do to the viewer.

const press = (buttons, chosen) => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === chosen)));
const planeButtons = [...viewer.querySelectorAll("button[data-plane]")];
const windowButtons = [...viewer.querySelectorAll("button[data-low]")];

const button3d = planeButtons.find((button) => button.dataset.plane === THREE_D);
if (button3d && !hasWebGl2()) Object.assign(button3d, { disabled: true, title: "3-D needs WebGL 2, which this browser does not offer." });

function trouble(error) {
  const box = find("viewer-error");
  box.hidden = false;
  box.textContent = typeof DecompressionStream === "undefined"
    ? "This browser cannot unpack the images: use a version from 2023 or later."
    : `The images cannot be shown: ${error.message}`;
}
const open = (number) => show(number).catch(trouble);

function choosePlane(name) {
  const button = planeButtons.find((b) => b.dataset.plane === name);
  if (!button || button.disabled) return;
  press(planeButtons, button);
  state.plane = name;
  layOut().catch(trouble);
}

function setWindow(low, high) {
  state.hu = [low, high];
  find("center").value = Math.round((low + high) / 2);
  find("width").value = Math.round(high - low);
  press(windowButtons, windowButtons.find((b) => Number(b.dataset.low) === low && Number(b.dataset.high) === high));
  update3d();
  redraw();
}

function fullScreen() {
  if (!document.fullscreenEnabled) return;
  (document.fullscreenElement ? document.exitFullscreen() : viewer.requestFullscreen()).catch(trouble);
}

function nextWindow() {
  const now = windowButtons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
  windowButtons[(now + 1) % windowButtons.length]?.click();
}

function setOverlay(number) {
  state.overlay = number;
  find("overlay").value = String(number);
  find("opacity").disabled = number < 0;
  redraw();
}

function setZoom(zoom) {
  state.zoom = clamp(zoom, 1, 8);
  redraw();
}

function step(axis, by) {
  state.at[axis] = clamp(state.at[axis] + by, 0, scene().shape[axis] - 1);
  state.hover = null;
  redraw();
}

// Show the transverse slice nearest to a height, RAS mm (along the middle of the volume).
function showHeight(height) {
  const middle = scene().shape.map((n) => (n - 1) / 2);
  const [low, high] = [0, 1].map((k) => world([middle[0], middle[1], k])[2]);
  choosePlane("transverse");
  state.at[2] = clamp(Math.round((height - low) / (high - low)), 0, scene().shape[2] - 1);
  redraw();
}

// Drag to the right for a wider window, upwards for a darker picture, as on a radiology station.
function dragWindow(layer, event) {
  if (layer.unit === "label" || layer.unit === "difference") return;
  if (layer.unit === "deviation" && layer.measure === "HU") return; // its scale is chosen from a list
  const [low, high] = windowOf(layer), width = high - low;
  const wider = Math.max(width * Math.exp(event.movementX / 200), layer.step * 2);
  const center = (low + high) / 2 - (event.movementY * width) / 300;
  if (layer.unit === "HU") setWindow(Math.round(center - wider / 2), Math.round(center + wider / 2));
  else { state.signal[`${state.scene} ${layer.key}`] = [center - wider / 2, center + wider / 2]; update3d(); redraw(); }
}

function under(panel, event) {
  const { canvas, plane, native } = panel, box = boxOf(panel), bounds = canvas.getBoundingClientRect();
  const x = ((event.clientX - bounds.left) / bounds.width) * canvas.width;
  const y = ((event.clientY - bounds.top) / bounds.height) * canvas.height;
  const column = Math.floor(((x - box.x) / box.width) * native.width), row = Math.floor(((y - box.y) / box.height) * native.height);
  const at = [...state.at];
  at[plane.across] = clamp(native.width - 1 - column, 0, native.width - 1);
  at[plane.down] = clamp(native.height - 1 - row, 0, native.height - 1);
  const inside = column >= 0 && column < native.width && row >= 0 && row < native.height;
  return { at, inside, split: clamp((x - box.x) / box.width, 0, 1) };
}

function listen(panel) {
  const { canvas, plane, layer } = panel;
  const windowing = (event) => event.buttons & 2 || (event.buttons & 1 && event.shiftKey);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointermove", (event) => {
    const { at, inside, split } = under(panel, event);
    state.hover = inside ? at : null;
    if (windowing(event)) { dragWindow(layer, event); return; }
    const base = overlay()?.base;
    if (state.swipe && overlay() && (base === null || base === layer.key)) { state.split = split; redraw(); } else if (codes) readOut();
    if (event.buttons & 1 && inside && state.zoom === 1) { state.at = at; redraw(); }
  });
  canvas.addEventListener("pointerleave", () => { state.hover = null; if (codes) readOut(); });
  canvas.addEventListener("pointerdown", (event) => {
    const { at, inside } = under(panel, event);
    viewer.focus({ preventScroll: true });
    if (inside && event.button === 0 && !event.shiftKey) { state.at = at; state.crosshair = true; redraw(); }
  });
  // Only a viewer that was clicked takes the wheel: otherwise the page scrolls past it.
  canvas.addEventListener("wheel", (event) => {
    if (!viewer.contains(document.activeElement)) return;
    event.preventDefault();
    if (event.ctrlKey) setZoom(state.zoom * (event.deltaY > 0 ? 1 / 1.2 : 1.2));
    else step(plane.normal, event.deltaY > 0 ? -1 : 1);
  }, { passive: false });
}

const keys = {
  t: () => choosePlane("transverse"), c: () => choosePlane("coronal"), s: () => choosePlane("sagittal"),
  a: () => choosePlane("all"), 3: () => choosePlane(THREE_D), w: nextWindow,
  o: () => setOverlay(((state.overlay + 2) % (scene().overlays.length + 1)) - 1),
  x: () => { state.crosshair = !state.crosshair; redraw(); },
  "+": () => setZoom(state.zoom * 1.25), "=": () => setZoom(state.zoom * 1.25), "-": () => setZoom(state.zoom / 1.25), 0: () => setZoom(1),
  n: () => open((state.scene + 1) % data.scenes.length), p: () => open((state.scene + data.scenes.length - 1) % data.scenes.length),
  f: fullScreen, l: copyLink,
  "?": () => { find("keys").open = !find("keys").open; },
};

viewer.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !codes) return;
  // A field keeps the keys that it understands itself.
  const typing = event.target.matches("select, input[type=number]"), sliding = event.target.matches("input[type=range]");
  if (typing || (sliding && event.key.length > 1)) return;
  const { normal } = PLANES[shownPlanes()[0]];
  const move = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, End: 1e6, Home: -1e6 }[event.key];
  const act = keys[event.key.toLowerCase()];
  if (move) step(normal, move);
  else if (act) act();
  else return;
  event.preventDefault();
});

planeButtons.forEach((button) => button.addEventListener("click", () => choosePlane(button.dataset.plane)));
windowButtons.forEach((button) => button.addEventListener("click", () => setWindow(Number(button.dataset.low), Number(button.dataset.high))));
for (const id of ["center", "width"]) {
  find(id).addEventListener("change", () => {
    const width = Math.max(2, Number(find("width").value) || 2), center = Number(find("center").value) || 0;
    setWindow(center - width / 2, center + width / 2);
  });
}
find("error-scale")?.addEventListener("change", (event) => { state.error = Number(event.target.value); redraw(); });
find("deviation-scale")?.addEventListener("change", (event) => { state.deviation = Number(event.target.value); redraw(); });
find("overlay").addEventListener("change", (event) => setOverlay(Number(event.target.value)));
find("opacity").addEventListener("input", (event) => { state.opacity = Number(event.target.value) / 100; redraw(); });
find("swipe").addEventListener("change", (event) => {
  state.swipe = event.target.checked;
  if (state.swipe && state.overlay < 0 && scene().overlays.length) setOverlay(0);
  redraw();
});
find("smooth").addEventListener("change", (event) => { state.smooth = event.target.checked; redraw(); });
find("lit")?.addEventListener("change", (event) => { state.lit = event.target.checked; light3d().catch(trouble); });
find("full").addEventListener("click", fullScreen);
find("full").hidden = !document.fullscreenEnabled; // as on an iPhone
document.addEventListener("fullscreenchange", () => {
  find("full").setAttribute("aria-pressed", String(document.fullscreenElement === viewer));
  if (codes) fit();
});
find("save").addEventListener("click", () => savePicture().catch(trouble));
find("link").addEventListener("click", copyLink);
find("cut").addEventListener("input", (event) => { state.cut = Number(event.target.value) / 100; update3d(); });
slider.addEventListener("input", () => { state.at[PLANES[shownPlanes()[0]].normal] = Number(slider.value); state.hover = null; redraw(); });
find("scene")?.addEventListener("change", (event) => open(Number(event.target.value)));
document.querySelectorAll("[data-show]").forEach((link) => link.addEventListener("click", () => open(Number(link.dataset.show))));
window.addEventListener("resize", () => { if (codes) fit(); });
window.addEventListener("hashchange", () => openLink(location.hash));

if (!openLink(location.hash)) open(0);
