"use strict";
(() => {
  const data = JSON.parse(document.getElementById("viewer-data").textContent);
  const find = (id) => document.getElementById(id);
  const viewer = find("viewer"), panels = find("panels"), slider = find("slice");

  // An anatomical plane is seen along one axis (normal); its picture's columns and rows run
  // against or along two others. Volumes are in RAS order: index 0 to the right, 1 anterior,
  // 2 superior. The patient's right is shown on the left, as if seen from the feet or the front.
  const planes = {
    transverse: { normal: 2, across: 0, down: 1, edges: ["R", "L", "A", "P"], ends: ["I", "S"] },
    coronal: { normal: 1, across: 0, down: 2, edges: ["R", "L", "S", "I"], ends: ["P", "A"] },
    sagittal: { normal: 0, across: 1, down: 2, edges: ["A", "P", "S", "I"], ends: ["L", "R"] },
  };
  const kinds = { mr: "MR", sct: "Synthetic CT", ct: "Real CT", error: "Synthetic − real" };
  const state = {
    subject: 0, plane: "transverse", at: [0, 0, 0], low: -160, high: 240, error: 400,
    swipe: false, split: 0.5, smooth: true, hover: null,
  };
  const unpacked = new Map();
  let volumes = null, drawn = [], pending = false, latest = 0;

  async function inflate(subject, kind) {
    const text = find(`voxels-${subject}-${kind}`).textContent;
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // The page holds a list of the voxels inside the mask, as folded differences, low bytes first
  // and high bytes after them. Here 0 means outside and code + 1 a voxel.
  function expand(bytes, bytesPerVoxel, mask, size) {
    const count = bytes.length / bytesPerVoxel;
    const codes = bytesPerVoxel === 1 ? new Uint8Array(size) : new Uint16Array(size);
    for (let at = 0, n = 0, code = 0; n < count; at++) {
      if (!((mask[at >> 3] >> (at & 7)) & 1)) continue;
      const folded = bytes[n] | (bytesPerVoxel === 2 ? bytes[count + n] << 8 : 0);
      code += folded & 1 ? -(folded + 1) >> 1 : folded >> 1;
      codes[at] = code + 1;
      n++;
    }
    return codes;
  }

  async function load(subject) {
    viewer.setAttribute("aria-busy", "true");
    if (!unpacked.has(subject)) {
      const [mask, mr, sct, ct] = await Promise.all(["mask", "mr", "sct", "ct"].map((kind) => inflate(subject, kind)));
      const size = data.subjects[subject].shape.reduce((product, n) => product * n);
      unpacked.set(subject, {
        mr: expand(mr, 1, mask, size), sct: expand(sct, 2, mask, size), ct: expand(ct, 2, mask, size),
      });
      if (unpacked.size > 3) unpacked.delete(unpacked.keys().next().value);
    }
    return unpacked.get(subject);
  }

  async function show(subject) {
    latest = subject;
    const wanted = await load(subject);
    if (latest !== subject) return; // another subject was chosen meanwhile
    const about = data.subjects[subject];
    state.subject = subject;
    volumes = wanted;
    state.at = about.shape.map((n) => n >> 1);
    find("subject").value = String(subject);
    document.querySelectorAll(".subject").forEach((part) => { part.hidden = Number(part.dataset.subject) !== subject; });
    layOut();
    viewer.setAttribute("aria-busy", "false");
  }

  function shownPlanes() { return state.plane === "all" ? Object.keys(planes) : [state.plane]; }

  function layOut() {
    const { shape, spacing } = data.subjects[state.subject];
    panels.replaceChildren();
    drawn = [];
    for (const name of shownPlanes()) {
      const plane = planes[name];
      for (const [kind, title] of Object.entries(kinds)) {
        const figure = document.createElement("figure");
        const caption = document.createElement("figcaption");
        const canvas = document.createElement("canvas");
        caption.textContent = shownPlanes().length > 1 && kind === "mr" ? `${title}, ${name}` : title;
        const columns = shape[plane.across], rows = shape[plane.down];
        // Square canvases of one size, so that planes and subjects do not make the page jump.
        canvas.width = canvas.height = Math.round(Math.min(2, window.devicePixelRatio || 1) * 420);
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `${title}, ${name} slice`);
        canvas.dataset.kind = kind;
        canvas.dataset.plane = name;
        // Pixels per mm, one for all planes of a subject.
        const scale = (canvas.width * 0.94) / Math.max(...shape.map((n, axis) => n * spacing[axis]));
        const width = columns * spacing[plane.across] * scale, height = rows * spacing[plane.down] * scale;
        const box = { x: (canvas.width - width) / 2, y: (canvas.height - height) / 2, width, height };
        const native = document.createElement("canvas");
        native.width = columns;
        native.height = rows;
        const panel = { name, plane, kind, canvas, native, box, columns, rows };
        listen(panel);
        figure.append(caption, canvas, ...legend(kind));
        panels.append(figure);
        drawn.push(panel);
      }
    }
    redraw();
  }

  function legend(kind) {
    const bar = document.createElement("div"), labels = document.createElement("div");
    bar.className = "bar";
    labels.className = "bar-labels";
    bar.dataset.kind = labels.dataset.kind = kind;
    return [bar, labels];
  }

  function drawLegends() {
    const table = data.errorTable;
    const stops = [];
    for (let n = 0; n <= 16; n++) {
      const at = Math.round((n * (table.length / 3 - 1)) / 16) * 3;
      stops.push(`rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`);
    }
    panels.querySelectorAll(".bar").forEach((bar) => {
      bar.style.background = `linear-gradient(to right, ${bar.dataset.kind === "error" ? stops.join(",") : "#000, #fff"})`;
    });
    const text = (value) => `${value}`.replace("-", "−");
    panels.querySelectorAll(".bar-labels").forEach((labels) => {
      const middle = Math.round((state.low + state.high) / 2);
      const values = labels.dataset.kind === "mr" ? ["dark", "arbitrary units", "bright"]
        : labels.dataset.kind === "error" ? [`${text(-state.error)} HU`, "0", `+${state.error} HU`]
        : [`${text(state.low)} HU`, text(middle), `${text(state.high)} HU`];
      labels.replaceChildren(...values.map((value) => { const span = document.createElement("span"); span.textContent = value; return span; }));
    });
  }

  function greys(kind) {
    // Grey level of each code; code 0 is outside the mask.
    const [low, step] = data.hu;
    const table = new Uint8ClampedArray(kind === "mr" ? 256 : 4096);
    for (let code = 1; code < table.length; code++) {
      table[code] = kind === "mr" ? 2 * (code - 1) : (255 * (low + (code - 1) * step - state.low)) / (state.high - state.low);
    }
    return table;
  }

  function paint(panel, kind) {
    // Fill the native picture of a panel: one pixel a voxel.
    const { plane, columns, rows, native } = panel;
    const { shape } = data.subjects[state.subject];
    const stride = [1, shape[0], shape[0] * shape[1]];
    const context = native.getContext("2d");
    const image = context.createImageData(columns, rows);
    const pixels = image.data, table = kind === "error" ? data.errorTable : greys(kind);
    const levels = data.errorTable.length / 3, step = data.hu[1];
    const start = state.at[plane.normal] * stride[plane.normal];
    for (let row = 0, out = 0; row < rows; row++) {
      let from = start + (rows - 1 - row) * stride[plane.down] + (columns - 1) * stride[plane.across];
      for (let column = 0; column < columns; column++, from -= stride[plane.across], out += 4) {
        pixels[out + 3] = 255;
        if (kind === "error") {
          if (!volumes.ct[from]) continue;
          const error = (volumes.sct[from] - volumes.ct[from]) * step;
          const level = Math.round((Math.max(-1, Math.min(1, error / state.error)) + 1) / 2 * (levels - 1)) * 3;
          pixels[out] = table[level]; pixels[out + 1] = table[level + 1]; pixels[out + 2] = table[level + 2];
        } else {
          pixels[out] = pixels[out + 1] = pixels[out + 2] = table[volumes[kind][from]];
        }
      }
    }
    context.putImageData(image, 0, 0);
  }

  function draw(panel) {
    const { canvas, box, native, plane, columns, rows, kind } = panel;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = state.smooth;
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    paint(panel, kind);
    context.drawImage(native, box.x, box.y, box.width, box.height);
    if (kind === "sct" && state.swipe) {
      const x = box.x + state.split * box.width;
      paint(panel, "ct");
      context.save();
      context.beginPath();
      context.rect(x, 0, canvas.width - x, canvas.height);
      context.clip();
      context.drawImage(native, box.x, box.y, box.width, box.height);
      context.restore();
      line(context, [x, box.y, x, box.y + box.height], "#f5c542", 2);
    }
    const x = box.x + ((columns - 0.5 - state.at[plane.across]) / columns) * box.width;
    const y = box.y + ((rows - 0.5 - state.at[plane.down]) / rows) * box.height;
    if (state.plane === "all" || state.crosshair) {
      const gap = canvas.width * 0.03, faint = "rgb(109 181 242 / .65)";
      line(context, [box.x, y, x - gap, y], faint, 1); line(context, [x + gap, y, box.x + box.width, y], faint, 1);
      line(context, [x, box.y, x, y - gap], faint, 1); line(context, [x, y + gap, x, box.y + box.height], faint, 1);
    }
    context.fillStyle = "#aeb6c2";
    context.font = `${Math.round(canvas.width / 32)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const inset = canvas.width * 0.025, [left, right, top, bottom] = plane.edges;
    context.fillText(left, inset, canvas.height / 2); context.fillText(right, canvas.width - inset, canvas.height / 2);
    context.fillText(top, canvas.width / 2, inset); context.fillText(bottom, canvas.width / 2, canvas.height - inset);
  }

  function line(context, [x0, y0, x1, y1], color, width) {
    context.strokeStyle = color;
    context.lineWidth = width * Math.max(1, context.canvas.width / 420);
    context.beginPath(); context.moveTo(x0, y0); context.lineTo(x1, y1); context.stroke();
  }

  function world(at) {
    return [0, 1, 2].map((row) => data.subjects[state.subject].affine[row].reduce((sum, value, n) => sum + value * (n < 3 ? at[n] : 1), 0));
  }

  function place(at) {
    const names = [["L", "R"], ["P", "A"], ["I", "S"]];
    return world(at).map((value, n) => `${names[n][value >= 0 ? 1 : 0]} ${Math.abs(value).toFixed(0)}`).join("  ") + " mm";
  }

  function redraw() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      if (!volumes) return;
      drawn.forEach(draw);
      drawLegends();
      const { shape, affine } = data.subjects[state.subject];
      const { normal } = planes[shownPlanes()[0]];
      slider.max = shape[normal] - 1;
      slider.value = state.at[normal];
      const [low, high] = planes[shownPlanes()[0]].ends;
      slider.setAttribute("aria-valuetext", `slice ${state.at[normal] + 1} of ${shape[normal]}, from ${low} to ${high}`);
      find("position").textContent = `Slice ${state.at[normal] + 1} of ${shape[normal]}, ${place(state.at)}`;
      markProfile(world([(shape[0] - 1) / 2, (shape[1] - 1) / 2, state.at[2]])[2]);
      readOut();
    });
  }

  function markProfile(height) {
    const chart = find(`profile-${state.subject}`);
    if (!chart) return;
    const [low, high] = chart.dataset.x.split(" ").map(Number);
    const [left, right, top, bottom] = chart.dataset.plot.split(" ").map(Number);
    let cursor = chart.querySelector(".cursor");
    if (!cursor) {
      cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
      cursor.setAttribute("class", "cursor");
      chart.append(cursor);
    }
    const x = left + ((height - low) / (high - low)) * (right - left);
    for (const [key, value] of Object.entries({ x1: x, x2: x, y1: top, y2: bottom })) cursor.setAttribute(key, value);
    cursor.style.visibility = x >= left && x <= right ? "visible" : "hidden";
  }

  function readOut() {
    const { shape, mr } = data.subjects[state.subject];
    const at = state.hover || state.at;
    const index = at[0] + shape[0] * (at[1] + shape[1] * at[2]);
    const hu = (code) => Math.round(data.hu[0] + (code - 1) * data.hu[1]);
    const text = (value) => `${value}`.replace("-", "−");
    let values = "outside the mask";
    if (volumes.ct[index]) {
      const synthetic = hu(volumes.sct[index]), real = hu(volumes.ct[index]), error = synthetic - real;
      const signal = mr[0] + (volumes.mr[index] - 1) * mr[1];
      values = `MR ${text(Number(signal.toPrecision(3)))}   synthetic CT ${text(synthetic)} HU   real CT ${text(real)} HU   error ${error > 0 ? "+" : ""}${text(error)} HU`;
    }
    find("readout").textContent = `${place(at)}   ${values}`;
  }

  function under(panel, event) {
    const { canvas, box, plane, columns, rows } = panel;
    const bounds = canvas.getBoundingClientRect();
    const x = ((event.clientX - bounds.left) / bounds.width) * canvas.width;
    const y = ((event.clientY - bounds.top) / bounds.height) * canvas.height;
    const column = Math.floor(((x - box.x) / box.width) * columns), row = Math.floor(((y - box.y) / box.height) * rows);
    const at = [...state.at];
    at[plane.across] = Math.max(0, Math.min(columns - 1, columns - 1 - column));
    at[plane.down] = Math.max(0, Math.min(rows - 1, rows - 1 - row));
    const inside = column >= 0 && column < columns && row >= 0 && row < rows;
    return { at, inside, split: Math.max(0, Math.min(1, (x - box.x) / box.width)) };
  }

  function listen(panel) {
    const { canvas, plane } = panel;
    canvas.addEventListener("pointermove", (event) => {
      const { at, inside, split } = under(panel, event);
      state.hover = inside ? at : null;
      if (state.swipe && panel.kind === "sct") { state.split = split; redraw(); } else readOut();
      if (event.buttons & 1 && inside) { state.at = at; redraw(); }
    });
    canvas.addEventListener("pointerleave", () => { state.hover = null; readOut(); });
    canvas.addEventListener("pointerdown", (event) => {
      const { at, inside } = under(panel, event);
      viewer.focus({ preventScroll: true });
      if (inside) { state.at = at; state.crosshair = true; redraw(); }
    });
    // Only a viewer that was clicked takes the wheel: otherwise the page scrolls past it.
    canvas.addEventListener("wheel", (event) => {
      if (!viewer.contains(document.activeElement)) return;
      event.preventDefault();
      step(plane.normal, event.deltaY > 0 ? -1 : 1);
    }, { passive: false });
  }

  function step(axis, by) {
    const last = data.subjects[state.subject].shape[axis] - 1;
    state.at[axis] = Math.max(0, Math.min(last, state.at[axis] + by));
    state.hover = null;
    redraw();
  }

  function press(buttons, chosen) { buttons.forEach((button) => button.setAttribute("aria-pressed", String(button === chosen))); }

  const planeButtons = [...viewer.querySelectorAll("[data-plane]")].filter((e) => e.tagName === "BUTTON");
  const windowButtons = [...viewer.querySelectorAll("[data-low]")];
  const choosePlane = (button) => { press(planeButtons, button); state.plane = button.dataset.plane; layOut(); };
  const setWindow = (low, high) => {
    Object.assign(state, { low, high });
    find("center").value = (low + high) / 2;
    find("width").value = high - low;
    press(windowButtons, windowButtons.find((b) => Number(b.dataset.low) === low && Number(b.dataset.high) === high));
    redraw();
  };
  const chooseWindow = (button) => setWindow(Number(button.dataset.low), Number(button.dataset.high));
  planeButtons.forEach((button) => button.addEventListener("click", () => choosePlane(button)));
  windowButtons.forEach((button) => button.addEventListener("click", () => chooseWindow(button)));
  for (const id of ["center", "width"]) {
    find(id).addEventListener("change", () => {
      const width = Math.max(2, Number(find("width").value) || 2), center = Number(find("center").value) || 0;
      setWindow(center - width / 2, center + width / 2);
    });
  }
  find("error-scale").addEventListener("change", (event) => { state.error = Number(event.target.value); redraw(); });
  find("swipe").addEventListener("change", (event) => { state.swipe = event.target.checked; redraw(); });
  find("smooth").addEventListener("change", (event) => { state.smooth = event.target.checked; redraw(); });
  slider.addEventListener("input", () => { state.at[planes[shownPlanes()[0]].normal] = Number(slider.value); state.hover = null; redraw(); });
  const trouble = (error) => {
    const box = find("viewer-error");
    box.hidden = false;
    box.textContent = typeof DecompressionStream === "undefined"
      ? "This browser cannot unpack the images: use a version from 2023 or later."
      : `The images cannot be shown: ${error.message}`;
  };
  const open = (subject) => show(subject).catch(trouble);
  find("subject").addEventListener("change", (event) => open(Number(event.target.value)));
  document.querySelectorAll("[data-show]").forEach((link) => link.addEventListener("click", () => open(Number(link.dataset.show))));

  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !volumes) return;
    if (event.target.matches("select, input[type=number], input[type=range]") && event.key.length > 1) return;
    const { normal } = planes[shownPlanes()[0]];
    const move = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, End: 1e6, Home: -1e6 }[event.key];
    const letter = event.key.toLowerCase();
    const plane = planeButtons.find((button) => button.dataset.plane[0] === letter);
    if (move) step(normal, move);
    else if (plane && !event.target.matches("select, input[type=number]")) choosePlane(plane);
    else if (letter === "w") {
      const now = windowButtons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
      chooseWindow(windowButtons[(now + 1) % windowButtons.length]);
    } else return;
    event.preventDefault();
  });

  document.querySelectorAll("table.sortable thead th").forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const table = heading.closest("table"), body = table.tBodies[0];
      const up = heading.getAttribute("aria-sort") !== "ascending";
      table.querySelectorAll("thead th").forEach((th) => th.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const compare = (a, b) => {
        const [x, y] = [Number(value(a)), Number(value(b))];
        if (value(a) === "nan") return 1; // undefined values come last either way
        if (value(b) === "nan") return -1;
        const order = Number.isFinite(x) && Number.isFinite(y) ? x - y : value(a).localeCompare(value(b), undefined, { numeric: true });
        return up ? order : -order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });

  open(0);
})();
