// Voxels as codes: 0 is nothing, any other code is the value low + (code - 1) * step.
// A page that stands alone holds them packed (see voxels.py); mrtoct view sends them plainly.

async function inflate(id) {
  const text = document.getElementById(id).textContent;
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Packed is a list of the voxels inside the mask, as folded differences, low bytes first and high
// bytes after them.
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

async function embeddedCodes(scene, number) {
  const stored = scene.layers.filter((layer) => !layer.minus);
  const size = scene.shape.reduce((product, n) => product * n);
  const mask = await inflate(`voxels-${number}-mask`);
  const codes = {};
  for (const layer of stored) {
    codes[layer.key] = expand(await inflate(`voxels-${number}-${layer.key}`), layer.bytes, mask, size);
  }
  return codes;
}

async function servedCodes(scene) {
  const codes = {};
  for (const layer of scene.layers.filter((one) => !one.minus)) {
    const answer = await fetch(`voxels/${layer.key}`);
    if (!answer.ok) throw new Error(`the server answered ${answer.status} for ${layer.title}`);
    codes[layer.key] = new Uint16Array(await answer.arrayBuffer());
  }
  return codes;
}

// The value at a voxel; null where a layer has none.
function valueAt(layer, scene, codes, index) {
  if (layer.minus) {
    const [one, other] = layer.minus.map((key) => valueAt(scene.layers.find((l) => l.key === key), scene, codes, index));
    return one === null || other === null ? null : one - other;
  }
  const code = codes[layer.key][index];
  return code ? layer.low + (code - 1) * layer.step : null;
}
