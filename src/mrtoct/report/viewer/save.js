// What the viewer shows, with captions and scales, as a PNG.

const SHARPER = 2; // pixels of the picture for one of the page

async function savePicture() {
  // WebGL forgets its picture: it is drawn again just before it is read.
  for (const { viewer3d } of rendered) viewer3d.drawScene();
  const picture = pictureOf();
  const blob = await new Promise((done) => picture.toBlob(done, "image/png"));
  const link = document.createElement("a"), address = URL.createObjectURL(blob);
  const height = find("position").textContent.match(/\d+/)?.[0];
  const name = [scene().name, state.plane, ["all", THREE_D].includes(state.plane) ? "" : height].filter(Boolean).join("-");
  Object.assign(link, { href: address, download: `${name.replace(/[^\w.-]+/g, "_")}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  find("said").textContent = `Saved as ${link.download}.`;
}

function pictureOf() {
  const frame = panels.getBoundingClientRect(), margin = 12, foot = 26;
  const picture = document.createElement("canvas"), context = picture.getContext("2d");
  picture.width = (frame.width + 2 * margin) * SHARPER;
  picture.height = (frame.height + 2 * margin + foot) * SHARPER;
  context.scale(SHARPER, SHARPER);
  context.fillStyle = "#0a0b0d";
  context.fillRect(0, 0, picture.width, picture.height);
  context.translate(margin - frame.left, margin - frame.top);
  context.textBaseline = "middle";
  for (const canvas of panels.querySelectorAll("canvas")) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    context.drawImage(canvas, left, top, width, height);
  }
  for (const bar of panels.querySelectorAll(".bar")) drawBar(context, bar);
  for (const words of panels.querySelectorAll("figcaption, .bar-labels span")) write(context, words);
  const unit = scene().layers.some((layer) => layer.unit === "HU") ? `   CT ${text(state.hu[0])} to ${text(state.hu[1])} HU` : "";
  context.fillStyle = "#aeb6c2";
  context.font = "12px system-ui, sans-serif";
  const place = state.plane === THREE_D ? "3-D" : find("position").textContent;
  context.fillText(`${scene().name}   ${place}${unit}   not for diagnosis`, frame.left, frame.bottom + margin + foot / 2 - 6, frame.width);
  return picture;
}

function drawBar(context, bar) {
  const { left, top, width, height } = bar.getBoundingClientRect();
  const layer = layerOf(bar.dataset.layer), table = tableOf(layer);
  if (!width || layer.unit === "label") return;
  const colors = context.createLinearGradient(left, 0, left + width, 0);
  for (let n = 0; n <= 16; n++) colors.addColorStop(n / 16, table ? `rgb(${tableColor(table, n / 16).join(" ")})` : `rgb(${255 * n / 16} ${255 * n / 16} ${255 * n / 16})`);
  context.fillStyle = colors;
  context.fillRect(left, top, width, height);
}

function write(context, words) {
  const { left, top, width, height } = words.getBoundingClientRect(), style = getComputedStyle(words);
  context.fillStyle = style.color;
  context.font = `${style.fontSize} system-ui, sans-serif`;
  context.fillText(words.textContent, left, top + height / 2, Math.max(width, 1));
}
