// Volume rendering by NiiVue, where the page has it and the browser has WebGL 2.

let rendered = [];

function hide3d() {
  // A browser keeps few WebGL contexts: give them back.
  for (const { viewer3d } of rendered) viewer3d.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  rendered = [];
}

function hasWebGl2() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}

async function niivueLibrary() {
  if (!window.niivue) {
    const script = document.createElement("script");
    if (data.served) {
      await new Promise((done, fail) => {
        Object.assign(script, { src: "niivue.js", onload: done, onerror: () => fail(new Error("the server does not answer")) });
        document.head.append(script);
      });
    } else {
      script.textContent = new TextDecoder().decode(await inflate("niivue-script"));
      document.head.append(script);
    }
  }
  return window.niivue;
}

// A NIfTI-1 file in memory, 16-bit integers; HU stay HU, signal becomes codes.
function niftiOf(layer) {
  const { shape, spacing, affine } = scene(), from = codes[layer.key];
  const bytes = new ArrayBuffer(352 + 2 * from.length), head = new DataView(bytes);
  head.setInt32(0, 348, true);
  [3, ...shape, 1, 1, 1, 1].forEach((n, at) => head.setInt16(40 + 2 * at, n, true));
  head.setInt16(70, 4, true); // int16
  head.setInt16(72, 16, true);
  [1, ...spacing].forEach((size, at) => head.setFloat32(76 + 4 * at, size, true));
  head.setFloat32(108, 352, true);
  head.setFloat32(112, 1, true);
  head.setUint8(123, 2); // mm
  head.setInt16(254, 1, true); // the sform holds
  affine.slice(0, 3).forEach((row, r) => row.forEach((value, c) => head.setFloat32(280 + 16 * r + 4 * c, value, true)));
  [0x6e, 0x2b, 0x31, 0].forEach((byte, at) => head.setUint8(344 + at, byte));
  const voxels = new Int16Array(bytes, 352), isHu = layer.unit === "HU";
  for (let n = 0; n < from.length; n++) {
    voxels[n] = !from[n] ? (isHu ? -1024 : 0) : isHu ? Math.round(layer.low + (from[n] - 1) * layer.step) : Math.min(from[n], 32767);
  }
  return bytes;
}

const LIGHT = 0.6; // of the brightness, the part that surfaces turned to the light have

async function light3d() {
  for (const { viewer3d } of rendered) await viewer3d.setVolumeRenderIllumination(state.lit ? LIGHT : 0);
}

// A wide CT window shows bone alone, and brightly: soft tissue would be a fog before it.
function window3d(layer) {
  const [low, high] = windowOf(layer);
  if (layer.unit === "HU" && high >= 1000 && low > -1000) return [Math.max(low, 150), 0.6 * high];
  return layer.unit === "HU" ? [low, high] : [low, high].map((value) => (value - layer.low) / layer.step + 1);
}

async function show3d(layers) {
  const { Niivue, NVImage, SLICE_TYPE } = await niivueLibrary();
  const wanted = { scene: state.scene, plane: state.plane };
  panels.style.setProperty("--columns", Math.max(1, layers.length));
  for (const layer of layers) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const canvas = document.createElement("canvas"), square = document.createElement("div");
    square.className = "square"; // NiiVue fills what its canvas lies in
    caption.textContent = layer.title;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${layer.title} in 3-D: drag to turn it`);
    canvas.dataset.layer = layer.key;
    square.append(canvas);
    figure.append(caption, square);
    panels.append(figure);
    const viewer3d = new Niivue({
      isResizeCanvas: true, show3Dcrosshair: false, isOrientCube: true, dragAndDropEnabled: false, loadingText: "",
      backColor: [0, 0, 0, 1], logLevel: "error", crosshairWidth: 0, isColorbar: false, clipPlaneColor: [0, 0, 0, 0],
    });
    await viewer3d.attachToCanvas(canvas, false);
    const image = await NVImage.loadFromUrl({ url: niftiOf(layer), name: `${layer.key}.nii`, colormap: "gray" });
    if (wanted.scene !== state.scene || wanted.plane !== state.plane) return;
    viewer3d.addVolume(image);
    viewer3d.setSliceType(SLICE_TYPE.RENDER);
    rendered.push({ viewer3d, layer });
  }
  const all = rendered.map(({ viewer3d }) => viewer3d);
  for (const one of all) one.broadcastTo(all.filter((other) => other !== one), { "3d": true, "2d": false });
  update3d();
  await light3d();
}

function update3d() {
  for (const { viewer3d, layer } of rendered) {
    [viewer3d.volumes[0].cal_min, viewer3d.volumes[0].cal_max] = window3d(layer);
    // The plane cuts from the patient's left; a depth of 2 lies outside of every volume.
    viewer3d.setClipPlane([state.cut ? 0.5 - state.cut : 2, 270, 0]);
    viewer3d.updateGLVolume();
  }
}
